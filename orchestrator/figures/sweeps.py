"""The figures of sweeps: latency on the way up and on the way down, and what the board did. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from orchestrator.analysis.thermal.sweep import Slots
from orchestrator.charts.figures import legend
from orchestrator.charts.figures.response import Against, Branch, response_chart
from orchestrator.figures.figure import Choice, Figure, in_parts, numbered, repeats
from orchestrator.figures.soaks import timeline_figures
from orchestrator.queries.rows import RunSeries, RunView


def sweep_figures(
    choice: Choice, slots: Iterable[tuple[RunView, Slots]], series_of: Callable[[str], RunSeries]
) -> Iterator[Figure]:
    """Every figure that the chosen runs have the data for; `slots` of the chosen runs."""
    yield from timeline_figures(choice, series_of)
    names = {run.run: name for name, runs in choice.runs.items() for run in runs}
    found: dict[str, list[Slots]] = {}
    for run, own in slots:
        found.setdefault(names[run.run], []).append(own)
    for against, file in ((Against.TEMPERATURE, "latency-temperature"), (Against.CLOCK, "latency-clock")):
        yield from _responses(choice, found, against, file)


def _responses(choice: Choice, found: dict[str, list[Slots]], against: Against, file: str) -> Iterator[Figure]:
    branches = {name: list(_branches(name, own, against, choice)) for name, own in found.items()}
    drawn = [name for name, both in branches.items() if any(bool(np.isfinite(each.at).any()) for each in both)]
    parts = list(in_parts(drawn, legend.MOST // 2))
    for number, part in enumerate(parts, start=1):
        yield Figure(
            name=numbered(file, number, len(parts)),
            title=f"Latency against {'temperature' if against is Against.TEMPERATURE else 'clock'}, up and down",
            caption=(
                f"Latency in ms against {against.value}, while a burner heated and while the board cooled; a dot is "
                f"the median of a slot, its first inference left out. {repeats(choice, part)}.{choice.note}"
            ),
            chart=response_chart([each for name in part for each in branches[name]], against),
        )


def _branches(name: str, own: Sequence[Slots], against: Against, choice: Choice) -> Iterator[Branch]:
    simulated = any(run.simulated for run in choice.runs[name])
    for way, chosen in (("heating", [each.is_up for each in own]), ("cooling", [each.is_down for each in own])):
        at = [each.die_c if against is Against.TEMPERATURE else each.clock_hz / 1e6 for each in own]
        yield Branch(
            name=f"{name}, {way}",
            at=np.concatenate([values[flags] for values, flags in zip(at, chosen, strict=True)]),
            latency_ms=np.concatenate([each.latency_s[flags] * 1e3 for each, flags in zip(own, chosen, strict=True)]),
            simulated=simulated,
        )
