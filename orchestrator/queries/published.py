"""What others published, as rows of the leaderboard: groups of their own, never among what was measured here."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.spec import Regime
from orchestrator.addresses import VariantAddress
from orchestrator.db.model_tables import PublishedRow
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow

SOURCE = "published"
NO_PROTOCOL = "as published"


def published_rows(
    session: Session,
    model: str | None = None,
    regime: Regime | str | None = None,
    board_type: str | None = None,
) -> list[LeaderboardRow]:
    """All published results, or those of a model, regime or board; the first of a source is what speedups refer to."""
    query = select(PublishedRow).order_by(PublishedRow.model, PublishedRow.source, PublishedRow.id)
    if model is not None:
        query = query.where(PublishedRow.model == model)
    if regime is not None:
        query = query.where(PublishedRow.regime == (regime.value if isinstance(regime, Regime) else regime))
    if board_type is not None:
        query = query.where(PublishedRow.board_type == board_type)
    by_group: dict[tuple[str, ...], list[PublishedRow]] = {}
    for row in session.scalars(query):
        by_group.setdefault((row.model, row.source, row.board_type, row.regime), []).append(row)
    return [made for rows in by_group.values() for made in _rows(rows)]


def _rows(rows: Sequence[PublishedRow]) -> list[LeaderboardRow]:
    ordered = sorted(rows, key=lambda row: row.latency_ns)
    first_ns = rows[0].latency_ns
    return [
        _row(row, 1 + sum(o.latency_ns < row.latency_ns for o in rows), first_ns / row.latency_ns) for row in ordered
    ]


def _address(row: PublishedRow) -> VariantAddress:
    """A name as those of measured variants are; how many threads there were is not known: 0."""
    label, runtime = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "unnamed" for text in (row.variant, row.runtime)
    )
    return VariantAddress.of(model=row.model, label=label, runtime=runtime, threads=0)


def _row(row: PublishedRow, rank: int, speedup: float) -> LeaderboardRow:
    group = Group(
        model=row.model,
        board_type=row.board_type,
        regime=row.regime,
        protocol=NO_PROTOCOL,
        input_shape="",
        source=SOURCE,
    )
    return LeaderboardRow(
        group=group,
        rank=rank,
        tied_with=(),
        provisional=False,
        model=row.model,
        variant=_address(row).text,
        format="",
        runtime=row.runtime,
        runtime_version="",
        threads=0,
        devices=(),
        board=row.board_type,
        simulated=False,
        regime=row.regime,
        protocol=NO_PROTOCOL,
        runs=0,
        samples=0,
        median_ms=row.latency_ns / 1e6,
        ci_low_ms=None,
        ci_high_ms=None,
        p90_ms=None,
        p99_ms=None,
        first_ms=None,
        load_ms=None,
        throughput_per_s=1e9 / row.latency_ns,
        speedup=speedup,
        speedup_ci=None,
        metrics=row.metrics,
        size_bytes=0,
        peak_rss_bytes=None,
        energy_j=None,
        verdicts={},
        pareto=None,
        marks=tuple(filter(None, (row.note, f"published by {row.source}"))),
    )
