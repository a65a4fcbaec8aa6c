"""Which variant to ship on which type of board: the leaderboard's groups, each asked for the best within limits."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.analysis.choosing import LATENCY, Bound, Choice, Figure, Limit, Option, choose
from orchestrator.db.session import Database
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, LeaderboardRow
from orchestrator.queries.models import get_model
from orchestrator.queries.published import SOURCE as PUBLISHED

SIZE, MEMORY, ENERGY = "size", "peak memory", "energy"
BUILT_IN = (LATENCY, "p90", SIZE, MEMORY, ENERGY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A build of the model that could not be chosen, because no run of it is ranked in the group."""

    variant: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The answer for one group, with the rows that it was made from; `sources` of the metrics that limits speak of."""

    group: Group
    choice: Choice
    rows: tuple[LeaderboardRow, ...]
    sources: tuple[str, ...]
    unmeasured: tuple[Unmeasured, ...] = ()


def choose_variants(
    database: Database,
    model: str,
    *,
    regime: str,
    limits: Sequence[Limit],
    prefer: str = LATENCY,
) -> tuple[Chosen, ...]:
    """One answer per group of a model in a regime, none for what others published; raises as `leaderboard` does.

    Figures are latency, p90 (ms), size, peak memory (bytes), energy (J), of which less is better, and the metrics, of
    which more is.
    """
    board = leaderboard(database, model=model, regime=regime)
    rows = [row for row in board.rows if row.group.source != PUBLISHED]
    labels = [build.label for build in get_model(database, model).builds] if rows else []
    bound = Bound.AT_MOST if prefer in BUILT_IN else Bound.AT_LEAST
    asked = [limit.figure for limit in limits] + [prefer]
    found = []
    for group, of_group in itertools.groupby(rows, key=lambda row: row.group):
        own = tuple(of_group)
        choice = choose([_option(row) for row in own], limits, prefer, bound)
        missing = _unmeasured(labels, own, board.excluded)
        found.append(Chosen(group=group, choice=choice, rows=own, sources=_sources(own, asked), unmeasured=missing))
    return tuple(found)


def _option(row: LeaderboardRow) -> Option:
    figures = {
        LATENCY: Figure(value=row.median_ms, low=row.ci_low_ms, high=row.ci_high_ms),
        SIZE: Figure(value=row.size_bytes),
    }
    if row.p90_ms is not None:
        figures["p90"] = Figure(value=row.p90_ms, low=row.p90_ci_low_ms, high=row.p90_ci_high_ms)
    if row.peak_rss_bytes is not None:
        figures[MEMORY] = Figure(value=row.peak_rss_bytes)
    if row.energy_j is not None:
        figures[ENERGY] = Figure(value=row.energy_j, low=row.energy_ci_low_j, high=row.energy_ci_high_j)
    figures |= {name: _metric(fact) for name, fact in row.metrics.items()}
    return Option(variant=row.variant, figures=figures, tied_with=frozenset(row.tied_with))


def _metric(fact: Mapping[str, Any]) -> Figure:
    """With its interval, where it was measured over enough examples for one."""
    return Figure(value=float(fact["value"]), low=fact.get("low"), high=fact.get("high"), source=str(fact["source"]))


def _unmeasured(
    labels: Sequence[str], rows: Sequence[LeaderboardRow], excluded: Sequence[ExcludedRun]
) -> tuple[Unmeasured, ...]:
    """The builds without a row, with what became of their runs on the group's boards, if there were any."""
    ranked = {_label(row.variant) for row in rows}
    boards = {device for row in rows for device in row.devices}
    lost = {_label(run.variant): run.reason for run in excluded if run.device in boards}
    return tuple(
        Unmeasured(variant=label, reason=f"its runs do not count: {lost[label]}" if label in lost else "not measured")
        for label in labels
        if label not in ranked
    )


def _label(variant: str) -> str:
    return variant.partition("@")[0]


def _sources(rows: Sequence[LeaderboardRow], names: Sequence[str]) -> tuple[str, ...]:
    found = {f"{name} {row.metrics[name]['source']}" for row in rows for name in names if name in row.metrics}
    return tuple(sorted(found))
