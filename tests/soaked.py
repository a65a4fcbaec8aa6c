"""Sustained studies for tests: soaks as a database holds them, with figures and verdicts that the real rules gave."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert, select

from agent.wire.codec import encode
from agent.wire.records import (
    Ended,
    Environment,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    StoppedBy,
    Telemetry,
    TensorFact,
)
from agent.wire.spec import Scalar
from orchestrator.analysis.thermal.curve import Soak
from orchestrator.attending import results
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyState
from orchestrator.db.columns import pack_inferences, pack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow, StudyRow
from tests import factories

LOAD_FROM_S = 400.0
RUN_S = 2400.0
SoakFor = Callable[[RunRow], Soak]


def measure_soaks(database: Database, study_id: int, soak_for: SoakFor) -> None:
    """Every queued run of a study as the soak that is given for it; then figures and verdicts, and the study ends."""
    with database.write() as session:
        query = select(RunRow).where(RunRow.study_id == study_id, RunRow.state == RunState.QUEUED)
        runs = session.scalars(query.order_by(RunRow.block, RunRow.position, RunRow.device_id)).all()
        for number, run in enumerate(runs):
            soak = soak_for(run)
            attempt = _attempt(run, soak, factories.START_S + number * RUN_S)
            session.add(attempt)
            session.flush()
            session.execute(insert(ChunkRow), [{"attempt_id": attempt.id, **chunk} for chunk in _chunks(soak)])
            run.state, run.attempts_made, run.counted_attempt = RunState.DONE, 1, 1
            run.started_at_s, run.ended_at_s = attempt.opened_at_s, attempt.closed_at_s
        study = session.get_one(StudyRow, study_id)
        study.state, study.ended_at_s = StudyState.DONE, factories.START_S + len(runs) * RUN_S
    results.recompute_all(database)


def _chunks(soak: Soak) -> Sequence[dict[str, object]]:
    inferences = Inferences(
        phase=Phase.WINDOW,
        first_index=0,
        starts_ns=tuple(_ns(soak.starts_s)),
        durations_ns=tuple(np.maximum(np.diff([*_ns(soak.starts_s), *_ns(soak.ends_s[-1:])]) - 3000, 1).tolist()),
    )
    count = len(soak.at_s)
    telemetry = Telemetry(
        at_ns=tuple(_ns(soak.at_s)),
        temperature_c=_known(soak.die_c),
        clock_hz=_known(soak.clock_hz),
        requested_hz=_known(soak.requested_hz),
        throttled=tuple(None if bits < 0 else bits for bits in soak.bits.tolist()),
        memory_available_bytes=(3_000_000_000,) * count,
        rss_bytes=(120_000_000,) * count,
        foreign_cpu=_known(soak.foreign_cpu),
        fan_rpm=_known(soak.fan_rpm),
        power_w=_known(soak.power_w),
        ambient_c=_known(soak.ambient_c),
    )
    return (
        {"seq": 5, "kind": "window", "count": len(soak.starts_s), "blob": pack_inferences(inferences)},
        {"seq": 6, "kind": "telemetry", "count": count, "blob": pack_telemetry(telemetry)},
    )


def _attempt(run: RunRow, soak: Soak, opened_at_s: float) -> AttemptRow:
    clock_hz = float(np.nanmax(soak.requested_hz))
    facts: dict[str, Scalar] = {"governor": "performance", "clock_limit_hz": clock_hz, "kernel": "6.12"}
    start_c = float(np.nanmean(soak.die_c[soak.at_s < 0]))
    environment = Environment(measuring_hash="cd" * 16, facts=facts, sources={"temperature_c": "thermal_zone0"})
    gate = GatePassed(
        at_ns=200_000_000_000, waited_s=200.0, timed_out=False, reason="open", temperature_c=start_c, start_c=start_c
    )
    tensor = TensorFact(name="images", dtype="float32", shape=(1, 3, 64, 64))
    loaded = Loaded(
        at_ns=210_000_000_000,
        load_ns=150_000_000,
        first_ns=int(2e9 * float(np.median(soak.durations_s))),
        runtime_version=factories.RUNTIME_VERSION,
        inputs=(tensor,),
        outputs=(tensor,),
        output_sha256="ef" * 32,
    )
    ended = Ended(at_ns=_ns(soak.at_s[-1:])[0], outcome=Outcome.COMPLETED, stopped_by=StoppedBy.ENOUGH)
    begin_ns, end_ns = _ns(soak.starts_s[:1])[0], _ns(soak.ends_s[-1:])[0]
    return AttemptRow(
        run_id=run.id,
        number=1,
        device_id=run.device_id,
        state=AttemptState.ENDED,
        opened_at_s=opened_at_s,
        closed_at_s=opened_at_s + RUN_S,
        environment=encode(environment),
        gate=encode(gate),
        loaded=encode(loaded),
        ended=encode(ended),
        phases={
            "gate": 0,
            "load": gate.at_ns,
            "idle": begin_ns - 120_000_000_000,
            "window": begin_ns,
            "cooling": end_ns,
        },
    )


def _ns(seconds: npt.NDArray[np.float64]) -> list[int]:
    return [round(each) for each in ((seconds + LOAD_FROM_S) * 1e9).tolist()]


def _known(values: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)
