"""What a figure is, and which runs are drawn under which name.

Readers tell seven curves apart, and a study may have hundreds of conditions: what is not drawn is counted in a caption.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.attending.lifecycle import RunState
from orchestrator.charts.figures import legend
from orchestrator.charts.render import Chart
from orchestrator.queries.groups import RANKED_VERDICTS
from orchestrator.queries.rows import RunView
from orchestrator.text.numbers_text import count

MOST_CONDITIONS = 3 * legend.MOST
MOST_RUNS = 20
_COOLING = "cooling"
Each = TypeVar("Each")
Condition = tuple[str, str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """A chart, the name of its file without ending, its title, and what the words below it say of units and n."""

    name: str
    title: str
    caption: str
    chart: Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The runs that are drawn, by condition: a variant on a device, at a rate where it has one.

    `left_out` counts the others.
    """

    runs: Mapping[str, tuple[RunView, ...]]
    left_out: int

    @property
    def note(self) -> str:
        """What a caption says of the runs that are not drawn; empty where all are."""
        more = f"{count(self.left_out)} more run{'' if self.left_out == 1 else 's'}"
        return f" {more} of the study are not drawn here." if self.left_out else ""


def choose_runs(runs: Sequence[RunView]) -> Choice:
    """The first runs with a result of each condition, in the order of the runs."""
    usable = [run for run in runs if run.state is RunState.DONE and run.verdict in RANKED_VERDICTS]
    names = _condition_names(usable)
    chosen: dict[str, tuple[RunView, ...]] = {}
    for run in usable:
        name = names[_condition(run)]
        if name in chosen or len(chosen) < MOST_CONDITIONS:
            chosen[name] = (*chosen.get(name, ()), run)[:MOST_RUNS]
    return Choice(runs=chosen, left_out=len(usable) - sum(map(len, chosen.values())))


def in_parts(items: Sequence[Each], most: int = legend.MOST) -> Iterator[Sequence[Each]]:
    """The items in parts of at most so many."""
    return (items[start : start + most] for start in range(0, len(items), most))


def numbered(name: str, number: int, parts: int) -> str:
    """`ecdf`, or `ecdf-2` where it is one of several."""
    return name if parts == 1 else f"{name}-{number}"


def repeats(choice: Choice, names: Sequence[str]) -> str:
    """`n = 3 runs each`, or `n = 2 to 3 runs each`."""
    numbers = sorted(len(choice.runs[name]) for name in names)
    low, high = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"n = {_runs(low)}"
    return f"n = {_runs(low)} each" if low == high else f"n = {low} to {_runs(high)} each"


def _condition(run: RunView) -> Condition:
    return run.variant, run.device, run.rate_per_s


def _condition_names(runs: Sequence[RunView]) -> Mapping[Condition, str]:
    """As short as the study allows: by what differs, with the cooling that the board had."""
    variants = {run.variant for run in runs}
    devices = {run.device for run in runs}
    names: dict[Condition, str] = {}
    for run in runs:
        cooling = (run.labels or {}).get(_COOLING)
        device = f"{run.device} ({cooling})" if cooling else run.device
        parts = [*([run.variant] if len(variants) > 1 else []), *([device] if len(devices) > 1 else [])]
        rate = [] if run.rate_per_s is None else [f"{run.rate_per_s:.3g}/s"]
        name = ", ".join([*parts, *rate]) or f"{run.variant}, {device}"
        names.setdefault(_condition(run), name)
    return names


def _runs(number: int) -> str:
    return f"{count(number)} run{'' if number == 1 else 's'}"
