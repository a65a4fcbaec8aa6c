"""Runs: what is known of each, and the raw data of the attempt that counts."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from agent.wire.records import Phase
from orchestrator.db.columns import (
    SERIES,
    InferenceColumns,
    TelemetryColumns,
    join_inferences,
    join_telemetry,
    unpack_inferences,
    unpack_telemetry,
)
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow, RunRow, StudyRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.naming import listed, only_given, require_known, variant_text
from orchestrator.queries.rows import AttemptView, RunSeries, RunView

TELEMETRY = "telemetry"
_INFERENCES = (Phase.WARM_UP.value, Phase.WINDOW.value)
_SHOWN = 12
Neighbours = tuple[str | None, str | None]


def list_runs(
    database: Database, study: int | None = None, device: str | None = None, limit: int = 1000
) -> tuple[RunView, ...]:
    """A study's runs in their order on each device; without a study the newest first, those that wait last."""
    order = (DeviceRow.name, RunRow.block, RunRow.position) if study is not None else _NEWEST_FIRST
    query = _runs().where(*only_given((RunRow.study_id, study), (DeviceRow.name, device)))
    with database.read() as session:
        require_known(session, StudyRow.id, study, "study")
        require_known(session, DeviceRow.name, device, "device")
        rows = session.scalars(query.order_by(*order).limit(limit)).all()
        neighbours = _neighbours(session, rows)
        return tuple(_run_view(row, neighbours[row.id]) for row in rows)


def get_run(database: Database, run_id: str) -> RunView:
    """One run by its id or an unambiguous beginning of it; raises `NotFoundError` or `SpecError`."""
    with database.read() as session:
        row = session.scalars(_runs().where(RunRow.id == _whole_id(session, run_id))).one()
        return _run_view(row, _neighbours(session, [row])[row.id])


def run_series(database: Database, run_id: str) -> RunSeries:
    """Raw data of the attempt that counts, or of the last one where none does; empty where there is none."""
    with database.read() as session:
        inferences, telemetry = read_columns(session, _whole_id(session, run_id))
    return RunSeries(
        start_s=inferences.starts_ns / 1e9,
        latency_ms=inferences.durations_ns / 1e6,
        is_counted=inferences.is_counted,
        telemetry={"at_s": telemetry.at_ns / 1e9, **{name: telemetry.series(name) for name in SERIES}},
    )


def read_columns(session: Session, run_id: str) -> tuple[InferenceColumns, TelemetryColumns]:
    """Inferences and telemetry of the attempt that counts, or of the last one, lossless; `run_id` is whole."""
    attempt = (
        select(AttemptRow.id)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(RunRow.id == run_id, AttemptRow.number == func.coalesce(RunRow.counted_attempt, RunRow.attempts_made))
    )
    query = select(ChunkRow.kind, ChunkRow.blob).where(ChunkRow.attempt_id == attempt.scalar_subquery())
    chunks = session.execute(query.order_by(ChunkRow.seq)).all()
    inferences = [unpack_inferences(blob) for kind, blob in chunks if kind in _INFERENCES]
    telemetry = [unpack_telemetry(blob) for kind, blob in chunks if kind == TELEMETRY]
    return join_inferences(inferences), join_telemetry(telemetry)


_NEWEST_FIRST = (
    RunRow.started_at_s.is_(None),
    RunRow.started_at_s.desc(),
    RunRow.study_id.desc(),
    RunRow.block,
    RunRow.position,
)


def _runs() -> Select[RunRow]:
    variant = contains_eager(RunRow.variant)
    return (
        select(RunRow)
        .join(RunRow.study)
        .join(RunRow.device)
        .join(RunRow.variant)
        .join(VariantRow.build)
        .join(BuildRow.model)
        .options(
            contains_eager(RunRow.study),
            contains_eager(RunRow.device),
            variant.contains_eager(VariantRow.build).contains_eager(BuildRow.model),
            selectinload(RunRow.attempts),
        )
    )


def _whole_id(session: Session, text: str) -> str:
    """The one run id that begins like this; a run with just this id wins."""
    query = select(RunRow.id).where(RunRow.id.startswith(text, autoescape=True)).order_by(RunRow.id)
    found = session.scalars(query.limit(_SHOWN + 1)).all()
    if text in found or len(found) == 1:
        return text if text in found else found[0]
    if found and text:
        raise SpecError(f"run: {text!r} may mean {listed(found)}")
    newest = session.scalars(select(RunRow.id).order_by(*_NEWEST_FIRST).limit(_SHOWN + 1)).all()
    raise NotFoundError(f"run: {text!r} is unknown; there are {listed(newest)}")


def _neighbours(session: Session, rows: Sequence[RunRow]) -> Mapping[str, Neighbours]:
    """The runs before and after each in its block on its device."""
    places = {(row.study_id, row.device_id) for row in rows}
    block, order = (RunRow.study_id, RunRow.device_id, RunRow.block), (RunRow.position, RunRow.id)
    before, after = (function(RunRow.id).over(partition_by=block, order_by=order) for function in (func.lag, func.lead))
    query = select(RunRow.id, before, after).where(
        RunRow.study_id.in_({study for study, _ in places}),
        RunRow.device_id.in_({device for _, device in places}),
    )
    return {run: (previous, following) for run, previous, following in session.execute(query)}


def _run_view(row: RunRow, neighbours: Neighbours) -> RunView:
    variant, study, device = row.variant, row.study, row.device
    return RunView(
        run=row.id,
        study=row.study_id,
        model=variant.build.model.name,
        variant=variant_text(variant.build.label, variant.runtime, variant.threads, variant.options),
        device=device.name,
        board=device.board,
        board_type=device.board_type,
        simulated=device.simulated,
        protocol=study.protocol_name,
        regime=str(study.protocol["regime"]),
        block=row.block,
        position=row.position,
        state=row.state,
        code=row.code,
        message=row.message,
        verdict=row.verdict,
        reasons=tuple(row.reasons),
        attempts=tuple(_attempt_view(attempt, row.counted_attempt) for attempt in row.attempts),
        started_at_s=row.started_at_s,
        ended_at_s=row.ended_at_s,
        samples=row.samples,
        median_ms=_ms(row.median_ns),
        p90_ms=_ms(row.p90_ns),
        p99_ms=_ms(row.p99_ns),
        first_ms=_ms(row.first_ns),
        load_ms=_ms(row.load_ns),
        peak_rss_bytes=row.peak_rss_bytes,
        start_c=row.start_c,
        max_c=row.max_c,
        previous=neighbours[0],
        next=neighbours[1],
        start_group=row.start_group,
        end_c=row.end_c,
        ambient_c=row.ambient_c,
        ambient_source=row.ambient_source,
        labels=row.labels,
        window_s=row.window_s,
        energy_j=row.energy_j,
        steadiness=row.steadiness,
        segments=row.segments,
        missed_deadlines=row.missed_deadlines,
        rate_per_s=row.rate_per_s,
        onset_s=row.onset_s,
        known_until_s=row.known_until_s,
        onset_cause=row.onset_cause,
        settled_ms=row.settled_ms,
        sustained_ratio=row.sustained_ratio,
        stability=row.stability,
        settled_c=row.settled_c,
        cooling_tau_s=row.cooling_tau_s,
        throttled_s=row.throttled_s,
    )


def _attempt_view(row: AttemptRow, counted: int | None) -> AttemptView:
    environment = row.environment or {}
    return AttemptView(
        number=row.number,
        state=row.state,
        counted=row.number == counted,
        code=row.code,
        message=row.message,
        opened_at_s=row.opened_at_s,
        closed_at_s=row.closed_at_s,
        phases={phase: at_ns / 1e9 for phase, at_ns in row.phases.items()},
        environment=environment.get("facts", {}),
        sources=environment.get("sources", {}),
        absent=tuple(environment.get("absent", ())),
        gate=row.gate or {},
        loaded=row.loaded or {},
        known_onset_s=row.known_onset_s,
        measuring_hash=str(environment.get("measuring_hash", "")),
    )


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6
