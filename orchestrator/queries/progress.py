"""How a run stands that is under way: what has come of it so far, how old that is, and when it ought to end.

Reads the newest chunk of each kind and no other, so that it may be asked for often.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.wire.records import Phase
from agent.wire.spec import Protocol
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyKind
from orchestrator.db.clock import now_s
from orchestrator.db.columns import Floats, unpack_inferences, unpack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow
from orchestrator.protocols import of_run
from orchestrator.queries.rows import Answering
from orchestrator.queries.runs import TELEMETRY
from orchestrator.queries.scores import answering

RECENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A run under way, in seconds of the clock on the wall (a simulated board's own may run faster).

    `for_s` is how long it has been in `phase`, as far as the board has said; `last_age_s` how old the newest reading or
    inference is, null where none came; `ends_in_s` when it ought to end, null before its load begins. Temperature and
    clock are the newest, `latency_ms` is the median of the newest inferences. `lines` counts what its journal brought.
    `answering` is how far a run is that answers a data set; null for others.
    """

    phase: str | None
    for_s: float | None
    last_age_s: float | None
    temperature_c: float | None
    clock_hz: float | None
    latency_ms: float | None
    inferences: int
    ends_in_s: float | None
    planned_s: float | None
    lines: int
    answering: Answering | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest telemetry of an attempt; `at_s` is since its claim, on the board's clock, `throttled` the bits."""

    at_s: float | None = None
    temperature_c: float | None = None
    clock_hz: float | None = None
    throttled: int | None = None


def run_progress(database: Database, run_id: str) -> RunProgress | None:
    """How a run stands, by its whole id; None unless an attempt at it has been started and not ended."""
    query = (
        select(AttemptRow, RunRow, now_s() - AttemptRow.started_at_s)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(RunRow.id == run_id, RunRow.state == RunState.RUNNING, AttemptRow.state == AttemptState.STARTED)
    )
    with database.read() as session:
        found = session.execute(query).first()
        return None if found is None else _progress(session, *found)


def planned_end_s(protocol: Protocol, phases: Mapping[str, float]) -> float | None:
    """When a run ought to end, from when it last entered its phases; None before it idles or is loaded.

    Nor is it known while a data set is answered.
    """
    window, warm_up = protocol.window, protocol.warm_up
    plan = (
        (Phase.IDLE, protocol.recorded_idle_s),
        (Phase.WARM_UP, warm_up.min_s),
        (Phase.WINDOW, window.min_s),
        (Phase.COOLING, protocol.recorded_cooling_s),
    )
    if Phase.EVALUATING.value in phases:
        return None
    gate_s = phases.get(Phase.GATE.value, 0.0)
    entered = [number for number, (phase, _) in enumerate(plan) if phases.get(phase.value, -1.0) >= gate_s]
    if not entered:
        return None
    return phases[plan[entered[-1]][0].value] + sum(length_s for _, length_s in plan[entered[-1] :])


def _progress(session: Session, attempt: AttemptRow, run: RunRow, host_s: float) -> RunProgress:
    scale = clock_scale(attempt)
    phases = {phase: at_ns / 1e9 for phase, at_ns in attempt.phases.items()}
    phase = max(phases, key=phases.__getitem__, default=None)
    reading = newest_reading(session, attempt.id)
    inferred_s, latency_ms = _newest_inferences(session, attempt.id)
    seen_s = max([at_s for at_s in (reading.at_s, inferred_s) if at_s is not None], default=None)
    end_s = planned_end_s(of_run(run.study.protocol, run.rate_per_s, run.step_s), phases)
    window = select(func.sum(ChunkRow.count)).where(
        ChunkRow.attempt_id == attempt.id, ChunkRow.kind == Phase.WINDOW.value
    )
    return RunProgress(
        phase=phase,
        for_s=None if phase is None else max(0.0, host_s - phases[phase] / scale),
        last_age_s=None if seen_s is None else max(0.0, host_s - seen_s / scale),
        temperature_c=reading.temperature_c,
        clock_hz=reading.clock_hz,
        latency_ms=latency_ms,
        inferences=int(session.scalar(window) or 0),
        ends_in_s=None if end_s is None else max(0.0, end_s / scale - host_s),
        planned_s=end_s,
        lines=attempt.cursor_seq,
        answering=answering(session, run.id) if run.study.kind is StudyKind.ACCURACY else None,
    )


def clock_scale(attempt: AttemptRow) -> float:
    """How many times faster the board's clock runs; a board that is not simulated has none of its own."""
    told = (attempt.environment or {}).get("facts", {}).get("time_scale", 1.0)
    return float(told) if isinstance(told, (int, float)) and told >= 1 else 1.0


def newest_reading(session: Session, attempt_id: int) -> Reading:
    """What telemetry of an attempt said last."""
    blob = _newest(session, attempt_id, TELEMETRY)
    if blob is None:
        return Reading()
    telemetry = unpack_telemetry(blob)
    bits = _last(telemetry.series("throttled"))
    return Reading(
        at_s=float(telemetry.at_ns[-1]) / 1e9 if len(telemetry.at_ns) else None,
        temperature_c=_last(telemetry.series("temperature_c")),
        clock_hz=_last(telemetry.series("clock_hz")),
        throttled=None if bits is None else int(bits),
    )


def _newest_inferences(session: Session, attempt_id: int) -> tuple[float | None, float | None]:
    """When the last inference ended, and the median latency of the newest `RECENT`."""
    blob = _newest(session, attempt_id, Phase.WARM_UP.value, Phase.WINDOW.value)
    if blob is None:
        return None, None
    inferences = unpack_inferences(blob)
    durations_ns = inferences.durations_ns[-RECENT:]
    ended_s = float(inferences.starts_ns[-1] + durations_ns[-1]) / 1e9
    return ended_s, float(np.median(durations_ns)) / 1e6


def _newest(session: Session, attempt_id: int, *kinds: str) -> bytes | None:
    query = select(ChunkRow.blob).where(ChunkRow.attempt_id == attempt_id, ChunkRow.kind.in_(kinds), ChunkRow.count > 0)
    return session.scalar(query.order_by(ChunkRow.seq.desc()).limit(1))


def _last(series: Floats) -> float | None:
    known = series[~np.isnan(series)]
    return float(known[-1]) if len(known) else None
