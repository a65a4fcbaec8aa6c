"""What the Thermal lab draws: soaks and sweeps under one name for each condition, opened once and remembered."""

from collections.abc import Iterable, Mapping, Sequence

from dashboard import lab_data
from orchestrator.charts.figures import legend
from orchestrator.figures import Figure
from orchestrator.queries.briefs import RunBrief

MOST_OPENED = 3  # runs of a condition whose raw data is opened
MOST_WATCHED = 20  # runs of a condition that tell when it throttled


def conditions(runs: Iterable[RunBrief], apart_by: Sequence[str]) -> dict[str, list[RunBrief]]:
    """The runs by what tells them apart: `variant`, `board` or a label of the board; the newest condition first."""
    found: dict[str, list[RunBrief]] = {}
    for run in runs:
        found.setdefault(", ".join(_part(run, name) for name in apart_by), []).append(run)
    return dict(list(found.items())[: legend.MOST])


def soak_figures(url: str, chosen: Mapping[str, Sequence[RunBrief]]) -> tuple[Figure, ...]:
    """The overlays of these conditions, and when they throttled."""
    return lab_data.read_soak_figures(url, _names(chosen, MOST_OPENED), _names(chosen, MOST_WATCHED))


def sweep_figures(url: str, chosen: Mapping[str, Sequence[RunBrief]]) -> tuple[Figure, ...]:
    """Latency against temperature and clock, up and down."""
    return lab_data.read_sweep_figures(url, _names(chosen, MOST_OPENED))


def _names(chosen: Mapping[str, Sequence[RunBrief]], most: int) -> lab_data.Named:
    return tuple((name, tuple(run.run for run in own[:most])) for name, own in chosen.items())


def _part(run: RunBrief, name: str) -> str:
    own = {"variant": run.variant, "board": run.device}
    return own.get(name) or f"{name}={run.labels.get(name, 'none')}"
