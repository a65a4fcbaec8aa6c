"""Two variants against each other, group by group: the answer with all that it rests on.

Pooled tails need the raw samples of both variants; blobs are opened here for them, and nowhere else in a ranking.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.records import Phase
from agent.wire.spec import Protocol, Regime
from orchestrator.addresses import VariantAddress, resolve
from orchestrator.analysis.comparison import MARGIN, Comparison
from orchestrator.analysis.comparison import compare as compare_medians
from orchestrator.analysis.early_stopping import PooledTail, summarise_pooled
from orchestrator.analysis.latency import Center, center_of_runs
from orchestrator.analysis.pacing import latencies_from_due
from orchestrator.db.columns import InferenceColumns, join_inferences, unpack_inferences
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.protocols import is_provisional
from orchestrator.queries.groups import least_coverage, observation, read_groups, split
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group
from orchestrator.queries.ranked_variants import known_addresses
from orchestrator.queries.results import RunResult, Selection

Span = tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two variants in a group, with 95 % intervals where there are two runs or boards.

    `median_ms` and `p90_ms` are those of the median run (p90: null unless each run has 30 inferences), the `pooled_`
    ones MLPerf's early-stopping estimates from all counted samples of its runs, null below 64 and 662 samples.
    """

    variant: str
    runs: int
    devices: tuple[str, ...]
    median_ms: float
    median_ci_ms: Span
    device_median_ms: Mapping[str, float]
    p90_ms: float | None
    p90_ci_ms: Span
    pooled_samples: int
    pooled_p90_ms: float | None
    pooled_p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupComparison:
    """A against B in one group; a side is None where none of its runs can be compared.

    `needed` is how many units would probably settle it, where the data cannot tell; `coverage` what a nominal 95 %
    really covers, where blocks were added until intervals were narrow.
    """

    group: Group
    board: str
    provisional: bool
    comparison: Comparison
    a: Side | None
    b: Side | None
    needed: int | None
    coverage: float | None
    excluded: tuple[ExcludedRun, ...]


def compare_variants(
    database: Database,
    a: str,
    b: str,
    study: int | None = None,
    device: str | None = None,
    regime: Regime | str | None = None,
    margin: float = MARGIN,
    model: str | None = None,
    board_type: str | None = None,
) -> tuple[GroupComparison, ...]:
    """A against B in each group that has ended runs of either, named by the shortest clear part of their addresses.

    Raises `NotFoundError` for what is unknown, `SpecError` for what is unclear, not measured or the same.
    """
    if not 0 <= margin < 1:
        raise SpecError(f"margin: expected 0 to below 1 (0.02 is 2 %), got {margin}")
    selection = Selection(study=study, device=device, model=model, board_type=board_type)
    with database.read() as session:
        groups = read_groups(session, selection, regime)
        measured = {result.variant.address for results in groups.values() for result in results}
        one, other = (resolve_measured(session, text, measured) for text in (a, b))
        if one == other:
            raise SpecError(f"variant: expected two variants, got {one.full} twice")
        if one.model != other.model:
            raise SpecError(f"variant: expected variants of one model, got {one.full} and {other.full}")
        asked = {group: _only(results, one, other) for group, results in groups.items()}
        return tuple(
            _group(session, group, results, (one, other), margin) for group, results in asked.items() if results
        )


def resolve_measured(session: Session, text: str, measured: Iterable[VariantAddress]) -> VariantAddress:
    """The measured variant that a text means; raises `NotFoundError`, `SpecError` for one without an ended run here."""
    try:
        return resolve(text, measured)
    except NotFoundError:
        address = resolve(text, known_addresses(session))
        raise SpecError(f"variant: {address.full} has no ended run here; pifarm submit {address.model}") from None


def _only(results: Sequence[RunResult], *addresses: VariantAddress) -> list[RunResult]:
    return [result for result in results if result.variant.address in addresses]


def _group(
    session: Session,
    group: Group,
    results: Sequence[RunResult],
    addresses: tuple[VariantAddress, VariantAddress],
    margin: float,
) -> GroupComparison:
    kept, excluded = split(results)
    a, b = (address.text for address in addresses)
    comparison = compare_medians([observation(result) for result in kept], a, b, margin)
    sides = [_side(session, address.text, _only(kept, address)) for address in addresses]
    return GroupComparison(
        group=group,
        board=results[0].board,
        provisional=is_provisional(group.protocol),
        comparison=comparison,
        a=sides[0],
        b=sides[1],
        needed=comparison.units_needed(),
        coverage=least_coverage(kept),
        excluded=tuple(excluded),
    )


def _side(session: Session, variant: str, runs: Sequence[RunResult]) -> Side | None:
    if not runs:
        return None
    median = center_of_runs(_by_device(runs, [run.median_ns for run in runs]))
    is_long_enough = all(run.p90_ns is not None for run in runs)
    p90 = center_of_runs(_by_device(runs, [run.p90_ns for run in runs])) if is_long_enough else None
    pooled = _pooled(session, runs)
    return Side(
        variant=variant,
        runs=len(runs),
        devices=tuple(sorted({run.device for run in runs})),
        median_ms=median.center / 1e6,
        median_ci_ms=_span_ms(median),
        device_median_ms={device: ns / 1e6 for device, ns in median.by_device.items()},
        p90_ms=_ms(p90.center if p90 else None),
        p90_ci_ms=_span_ms(p90) if p90 else None,
        pooled_samples=pooled.samples,
        pooled_p90_ms=_ms(pooled.p90_ns),
        pooled_p99_ms=_ms(pooled.p99_ns),
    )


def _by_device(runs: Sequence[RunResult], figures: Sequence[float | None]) -> Mapping[str, Sequence[float]]:
    by_device: dict[str, list[float]] = {}
    for run, figure in zip(runs, figures, strict=True):
        if figure is not None:
            by_device.setdefault(run.device, []).append(figure)
    return by_device


def _pooled(session: Session, runs: Sequence[RunResult]) -> PooledTail:
    """The tail of all samples that count in these runs; of a paced run the latencies from the due times."""
    query = (
        select(RunRow.id, ChunkRow.blob)
        .join(AttemptRow, and_(AttemptRow.run_id == RunRow.id, AttemptRow.number == RunRow.counted_attempt))
        .join(ChunkRow, ChunkRow.attempt_id == AttemptRow.id)
        .where(RunRow.id.in_([run.run for run in runs]), ChunkRow.kind == Phase.WINDOW.value)
        .order_by(RunRow.id, ChunkRow.seq)
    )
    chunks: dict[str, list[InferenceColumns]] = {}
    for run_id, blob in session.execute(query):
        chunks.setdefault(run_id, []).append(unpack_inferences(blob))
    samples = [_samples_ns(run, join_inferences(chunks.get(run.run, []))) for run in runs]
    return summarise_pooled(np.concatenate(samples))


def counted_latencies_ns(window: InferenceColumns, protocol: Protocol, samples: int | None) -> npt.NDArray[np.int64]:
    """A run's counted latencies: its window without the head that was not steady; of a paced run from the due times."""
    pace = protocol.pace
    latencies = window.durations_ns if pace is None else latencies_from_due(window, pace)
    return latencies[max(0, len(latencies) - (samples or 0)) :]


def _samples_ns(run: RunResult, window: InferenceColumns) -> npt.NDArray[np.int64]:
    return counted_latencies_ns(window, decode(Protocol, json.loads(run.conditions.protocol)), run.samples)


def _span_ms(center: Center) -> Span:
    return None if center.interval is None else (center.interval.low / 1e6, center.interval.high / 1e6)


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6
