"""The figure of burst runs: how their latencies are spread. Pure."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from orchestrator.charts.figures.ecdf import Latencies, ecdf_chart
from orchestrator.charts.thinning import every_so_many
from orchestrator.figures.figure import Choice, Figure, in_parts, numbered, repeats
from orchestrator.queries.rows import RunView
from orchestrator.text.numbers_text import count

Floats = npt.NDArray[np.float64]
MOST_SAMPLES = 5000


def evenly(values: Floats, most: int = MOST_SAMPLES) -> Floats:
    """The values in order, or as many quantiles of them, the lowest and the highest included."""
    ordered: Floats = np.sort(values)
    return ordered[every_so_many(len(ordered), most)]


def burst_figures(choice: Choice, latencies: Iterable[tuple[RunView, Floats]]) -> Iterator[Figure]:
    """The distribution of counted latencies for each condition; `latencies` in milliseconds, of the chosen runs."""
    names = {run.run: name for name, runs in choice.runs.items() for run in runs}
    found: dict[str, list[Floats]] = {}
    for run, latency_ms in latencies:
        found.setdefault(names[run.run], []).append(evenly(latency_ms))
    parts = list(in_parts(list(found)))
    for number, part in enumerate(parts, start=1):
        drawn = sum(len(each) for name in part for each in found[name])
        curves = [
            Latencies(
                name=name,
                latency_ms=np.concatenate(found[name]),
                simulated=any(run.simulated for run in choice.runs[name]),
            )
            for name in part
        ]
        yield Figure(
            name=numbered("latency-ecdf", number, len(parts)),
            title="How latencies are spread",
            caption=(
                f"Share of inferences at most so slow; latency in ms. {repeats(choice, part)}, {count(drawn)} points "
                f"drawn. The median is where a curve crosses one half.{choice.note}"
            ),
            chart=ecdf_chart(curves),
        )
