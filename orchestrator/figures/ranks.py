"""Figures of what a ranking says: intervals of medians, what is given for latency, how the machine moved. Pure."""

import itertools
from collections.abc import Iterator, Sequence

from orchestrator.charts.drift import drift_chart
from orchestrator.charts.figures import legend
from orchestrator.charts.figures.pareto import Better, Place, pareto_chart
from orchestrator.charts.ranking import ranking_chart
from orchestrator.figures.figure import Figure
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.queries.rows import RunView
from orchestrator.text import row_text

LEAST_RUNS = 3


def groups_of(rows: Sequence[LeaderboardRow]) -> Iterator[list[LeaderboardRow]]:
    """The rows of each group, in their order."""
    return (list(own) for _, own in itertools.groupby(rows, key=lambda row: row.group))


def ranking_figure(rows: Sequence[LeaderboardRow], number: int) -> Figure:
    """The medians of one group with their intervals."""
    group = rows[0].group
    where = f"{row_text.group_title(group)}: {row_text.group_detail(group)}"
    return Figure(
        name=f"ranking-{number}",
        title=f"Latency of {row_text.group_title(group)}",
        caption=(
            f"{where}. Dot: median of an inference in ms; bar: its 95 % interval; tick: p90. "
            f"{_runs_of(rows)} Hollow: simulated, published or provisional."
        ),
        chart=legend.marked(ranking_chart(rows), (row.simulated for row in rows)),
    )


def tradeoff_figures(rows: Sequence[LeaderboardRow], number: int) -> Iterator[Figure]:
    """What is given for latency in one group: each metric, and energy, that two variants and more have."""
    for order, name in enumerate(sorted({name for row in rows for name in row.metrics}), start=1):
        places = [_place(row, float(row.metrics[name]["value"])) for row in rows if name in row.metrics]
        if len(places) > 1:
            sources = sorted({str(row.metrics[name]["source"]) for row in rows if name in row.metrics})
            title = f"{name} against latency"
            words = f"{name} ({', '.join(sources)}) against latency"
            yield _tradeoff(rows, f"accuracy-latency-{number}-{order}", title, words, name, places, Better.HIGHER)
    places = [_place(row, row.energy_j) for row in rows if row.energy_j is not None]
    if len(places) > 1:
        title, words = "Energy against latency", "Gross energy of an inference in J against latency"
        axis = "energy of an inference, gross, J"
        yield _tradeoff(rows, f"energy-latency-{number}", title, words, axis, places, Better.LOWER)


def drift_figures(runs: Sequence[RunView]) -> Iterator[Figure]:
    """Each device's runs in time, where it has enough."""
    measured = [run for run in runs if run.median_ms is not None and run.started_at_s is not None]
    by_device: dict[str, list[RunView]] = {}
    for run in measured:
        by_device.setdefault(run.device, []).append(run)
    drawn = [(device, own) for device, own in by_device.items() if len(own) >= LEAST_RUNS]
    for number, (device, own) in enumerate(drawn, start=1):
        yield Figure(
            name=f"drift-{number}",
            title=f"Did {device} move?",
            caption=(
                f"{device}: each run's median against the median of its variant there, in %. n = {len(own)} runs. "
                "A slope or a step concerns every variant."
            ),
            chart=legend.marked(drift_chart(own), (run.simulated for run in own)),
        )


def _tradeoff(
    rows: Sequence[LeaderboardRow],
    name: str,
    title: str,
    words: str,
    axis: str,
    places: Sequence[Place],
    better: Better,
) -> Figure:
    return Figure(
        name=name,
        title=title,
        caption=(
            f"{row_text.group_title(rows[0].group)}: what is given for latency. {words} in ms, n = {len(places)} "
            "variants. Line: what no other variant beats in both."
        ),
        chart=pareto_chart(places, axis, better),
    )


def _place(row: LeaderboardRow, value: float) -> Place:
    regime = row.group.regime
    return Place(name=row.variant, regime=regime, latency_ms=row.median_ms, value=value, simulated=row.simulated)


def _runs_of(rows: Sequence[LeaderboardRow]) -> str:
    numbers = sorted(row.runs for row in rows)
    span = f"{numbers[0]}" if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"
    return f"n = {span} run{'' if span == '1' else 's'} each."
