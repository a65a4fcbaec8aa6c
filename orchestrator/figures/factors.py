"""Boards of a study that differ in a label: the comparisons that there is data for, and a figure of each."""

from collections.abc import Iterator, Sequence

from orchestrator.attending.lifecycle import RunState
from orchestrator.charts.figures import legend
from orchestrator.charts.figures.factors import Side, factor_chart
from orchestrator.db.session import Database
from orchestrator.figures.figure import Figure
from orchestrator.queries.factors import FactorComparison, compare_by
from orchestrator.queries.groups import RANKED_VERDICTS
from orchestrator.queries.rows import RunView, StudyView
from orchestrator.text import factor_text


def study_factors(database: Database, study: StudyView, runs: Sequence[RunView]) -> Iterator[FactorComparison]:
    """Each variant of a study under each label that its boards differ in, where two values and more have results."""
    usable = [run for run in runs if run.state is RunState.DONE and run.verdict in RANKED_VERDICTS]
    for factor in _varied(usable):
        labelled = (run.variant for run in usable if factor in (run.labels or {}))
        for variant in sorted(set(labelled)):
            found = compare_by(database, f"{study.model}/{variant}", factor, study=study.study)
            yield from (each for each in found if len(each.levels) > 1)


def factor_figures(comparisons: Sequence[FactorComparison]) -> Iterator[Figure]:
    """A figure of each comparison, numbered as they are; none where a reader could not tell values apart."""
    for number, found in enumerate(comparisons, start=1):
        if len(found.levels) <= legend.MOST:
            yield factor_figure(found, number)


def factor_figure(found: FactorComparison, number: int = 1) -> Figure:
    """The boards under each value of the label by their latency."""
    is_simulated = found.group.source == "simulated"
    sides = [
        Side(
            name=level.level,
            boards=level.latency_ms.by_board,
            center=level.latency_ms.center,
            interval=level.latency_ms.interval,
            simulated=is_simulated,
        )
        for level in found.levels
    ]
    boards = sorted(len(level.devices) for level in found.levels)
    span = f"{boards[0]}" if boards[0] == boards[-1] else f"{boards[0]} to {boards[-1]}"
    counted = "1 board" if span == "1" else f"{span} boards"
    latency = factor_text.latency_title(found)
    return Figure(
        name=f"factor-{number}",
        title=f"{found.variant} by {found.factor}",
        caption=(
            f"{factor_text.title(found)}. Point: a board, by the median of its runs; tick: what boards of a value have "
            f"in common; bar: its 95 % interval. {latency[0].upper()}{latency[1:]}, ms. n = {counted} each."
        ),
        chart=factor_chart(sides, found.factor, f"{latency}, ms"),
    )


def _varied(runs: Sequence[RunView]) -> list[str]:
    values: dict[str, set[str]] = {}
    for run in runs:
        for name, value in (run.labels or {}).items():
            values.setdefault(name, set()).add(value)
    return sorted(name for name, own in values.items() if len(own) > 1)
