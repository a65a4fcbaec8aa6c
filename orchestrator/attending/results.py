"""What an ended attempt comes to: summary figures and a verdict on the run, and whether the run goes on.

Everything here is derived from the attempt's records and chunks, and can be made again by `recompute_all`.
"""

from collections.abc import Iterator

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import decode, encode
from agent.wire.records import Ended, Environment, Fault, GatePassed, Loaded, Outcome, Phase
from agent.wire.spec import Regime
from orchestrator import studies
from orchestrator.analysis.facts import Declared, Floats, RunFacts
from orchestrator.analysis.latency import LatencySummary
from orchestrator.analysis.pacing import summarise_pace
from orchestrator.analysis.thermal.step import step_of
from orchestrator.analysis.validity import ANALYSIS_VERSION, Judgement, judge
from orchestrator.attending import attempts, baseline
from orchestrator.attending.lifecycle import (
    MAX_INVALID_RESULTS,
    AttemptState,
    RunEvent,
    RunState,
    StudyKind,
    Verdict,
    after,
)
from orchestrator.attending.references import load_reference
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.clock import now_s
from orchestrator.db.columns import join_inferences, join_telemetry, unpack_inferences, unpack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow, RunRow, StudyRow
from orchestrator.events import EventKind, record
from orchestrator.protocols import of_run
from orchestrator.queries.soak import SoakView, soak_view

ENERGY_SAMPLES = 50  # fewer readings of a Pi 5's PMIC scatter too much to speak of energy


def settle(session: Session, attempt: AttemptRow, ended: Ended) -> None:
    """Close an attempt whose end record has arrived, and say what becomes of its run, in the caller's transaction.

    Raises `WireError` where the journal holds no measurement although it says so.
    """
    run = attempts.locked_run(session, attempt.run_id)
    baseline.count_gate(session, attempt)
    if run.state not in (RunState.STAGING, RunState.RUNNING):
        attempts.close(session, attempt, AttemptState.ENDED, "superseded", "its run no longer waited for it")
        record(session, EventKind.RESULT_SUPERSEDED, "kept, not counted", study_id=run.study_id, run_id=run.id)
    elif ended.outcome is Outcome.COMPLETED:
        _complete(session, attempt)
    elif ended.outcome is Outcome.ABORTED:
        attempts.fail(
            session,
            attempt,
            AttemptState.ENDED,
            Fault.DEVICE,
            "aborted",
            ended.message or "aborted on the board",
        )
    else:
        fault = ended.fault or Fault.AGENT
        attempts.fail(session, attempt, AttemptState.ENDED, fault, ended.code, ended.message)


def recompute_all(database: Database) -> int:
    """Derive figures and verdicts of all timed runs again; returns how many. Raw data and states stay as they are."""
    with database.read() as session:
        timed = select(RunRow.id).join(StudyRow, StudyRow.id == RunRow.study_id)
        timed = timed.where(RunRow.counted_attempt.is_not(None), StudyRow.kind != StudyKind.ACCURACY)
        ids = session.scalars(timed).all()
    for run_id in ids:
        with database.write() as session:
            run = session.get_one(RunRow, run_id)
            attempt = next(row for row in run.attempts if row.number == run.counted_attempt)
            facts = load_facts(session, attempt)
            _fill_in(run, attempt, facts, judge(facts))
    return len(ids)


def load_facts(session: Session, attempt: AttemptRow) -> RunFacts:
    """What the rules look at, from an attempt's records and chunks."""
    variant = attempt.run.variant
    environment = decode(Environment, attempt.environment) if attempt.environment else None
    ended = decode(Ended, attempt.ended) if attempt.ended else None
    return RunFacts(
        protocol=of_run(attempt.run.study.protocol, attempt.run.rate_per_s, attempt.run.step_s),
        board_type=session.get_one(DeviceRow, attempt.device_id).board_type,
        inferences=join_inferences(
            unpack_inferences(blob) for blob in _blobs(session, attempt, Phase.WARM_UP.value, Phase.WINDOW.value)
        ),
        telemetry=join_telemetry(unpack_telemetry(blob) for blob in _blobs(session, attempt, "telemetry")),
        declared=Declared(threads=variant.threads, runtime=variant.runtime, artifact_id=variant.build.artifact_id),
        reference=load_reference(session, attempt),
        environment=environment.facts if environment else {},
        gate=decode(GatePassed, attempt.gate) if attempt.gate else None,
        loaded=decode(Loaded, attempt.loaded) if attempt.loaded else None,
        ended=ended,
        swapped_bytes=ended.swapped_bytes if ended else None,
        stated_room_c=_stated_room_c(attempt.run),
    )


def _complete(session: Session, attempt: AttemptRow) -> None:
    run, device = attempt.run, session.get_one(DeviceRow, attempt.device_id)
    if run.study.kind is StudyKind.ACCURACY:
        attempts.close(session, attempt, AttemptState.ENDED)
        _fill_in_answered(run, attempt)
        _end(session, run, device)
        return
    facts = load_facts(session, attempt)
    judgement = judge(facts)
    attempts.close(session, attempt, AttemptState.ENDED)
    if judgement.verdict is Verdict.INVALID and judgement.is_worth_repeating:
        run.invalid_results += 1
        if run.invalid_results < MAX_INVALID_RESULTS:
            device.faults_in_row = 0
            run.state = after(run.state, RunEvent.REQUEUED) or run.state
            attempt.code, attempt.message = "invalid", judgement.reasons[0].text
            record(session, EventKind.RUN_REQUEUED, attempt.message, study_id=run.study_id, run_id=run.id)
            return
    _fill_in(run, attempt, facts, judgement)
    _end(session, run, device)


def _end(session: Session, run: RunRow, device: DeviceRow) -> None:
    """Note that a run is done, by a device that did well."""
    device.faults_in_row = 0
    run.state = after(run.state, RunEvent.COMPLETED) or run.state
    run.code = run.message = ""
    run.ended_at_s = session.scalar(select(now_s()))
    device.last_temperature_c = device.last_temperature_c if run.end_c is None else run.end_c
    record(
        session,
        EventKind.RUN_ENDED,
        run.verdict.value if run.verdict is not None else "",
        device_id=device.id,
        study_id=run.study_id,
        run_id=run.id,
    )
    studies.close_if_done(session, run.study_id, device.id)


def _fill_in_answered(run: RunRow, attempt: AttemptRow) -> None:
    """What a run that answered a data set shows beside its scores: nothing of it was timed, so nothing spoils it."""
    loaded = decode(Loaded, attempt.loaded) if attempt.loaded else None
    ended = decode(Ended, attempt.ended) if attempt.ended else None
    run.counted_attempt, run.verdict, run.reasons = attempt.number, Verdict.VALID, []
    run.analysis_version = ANALYSIS_VERSION
    run.runtime_version = loaded.runtime_version if loaded else None
    run.peak_rss_bytes = ended.peak_rss_bytes if ended else None


def _fill_in(run: RunRow, attempt: AttemptRow, facts: RunFacts, judgement: Judgement) -> None:
    summary, run.missed_deadlines = _latencies(facts)
    run.counted_attempt = attempt.number
    run.verdict, run.reasons = judgement.verdict, list(judgement.stored_reasons())
    run.analysis_version = ANALYSIS_VERSION
    run.samples = summary.samples
    run.median_ns, run.mean_ns = summary.median_ns, summary.mean_ns
    run.min_ns, run.max_ns = summary.min_ns, summary.max_ns
    run.p90_ns, run.p99_ns = summary.p90_ns, summary.p99_ns
    run.window_s, run.segments = facts.window_s, len(facts.segments)
    run.steadiness = facts.course.steadiness.value
    if (measured_c := _mean(facts.telemetry.series("ambient_c"))) is not None:
        run.ambient_c, run.ambient_source = measured_c, AmbientSource.SENSOR
    run.first_ns = facts.loaded.first_ns if facts.loaded else None
    run.load_ns = facts.loaded.load_ns if facts.loaded else None
    run.runtime_version = facts.loaded.runtime_version if facts.loaded else None
    run.peak_rss_bytes = facts.ended.peak_rss_bytes if facts.ended else None
    run.start_c, run.end_c, run.max_c = _temperatures(facts)
    run.energy_j = _energy_j(facts)
    _fill_in_soak(run, soak_view(facts))
    run.step = encode(step_of(facts)) if run.rate_per_s is not None else None


def _fill_in_soak(run: RunRow, soak: SoakView | None) -> None:
    """What a sustained run shows of its board; None: nothing."""
    if soak is None:
        run.onset_s = run.known_until_s = run.settled_ms = run.sustained_ratio = run.stability = None
        run.settled_c = run.cooling_tau_s = run.throttled_s = run.onset_cause = None
        return
    run.onset_s, run.known_until_s, run.onset_cause = soak.onset_s, soak.censored_s, soak.cause
    run.settled_ms, run.sustained_ratio, run.stability = soak.settled_ms, soak.sustained_ratio, soak.stability
    run.settled_c, run.throttled_s = soak.settled_c, soak.throttled_s
    run.cooling_tau_s = None if soak.cooling_tau_s is None else soak.cooling_tau_s.value


def _latencies(facts: RunFacts) -> tuple[LatencySummary, int | None]:
    """Latencies, of a paced run from the due times, and how many deadlines were missed."""
    pace = facts.protocol.pace
    if pace is None:
        return facts.summary, None
    paced = summarise_pace(facts.inferences, pace)
    return paced.latency, paced.missed


def _stated_room_c(run: RunRow) -> float | None:
    return None if run.ambient_source is AmbientSource.SENSOR else run.ambient_c


def _mean(series: Floats) -> float | None:
    known = series[~np.isnan(series)]
    return float(known.mean()) if len(known) else None


def _temperatures(facts: RunFacts) -> tuple[float | None, float | None, float | None]:
    known = facts.window_series("temperature_c")
    known = known[~np.isnan(known)]
    return (float(known[0]), float(known[-1]), float(known.max())) if len(known) else (None, None, None)


def _energy_j(facts: RunFacts) -> float | None:
    """Gross energy of one inference: mean power times mean latency; None below `ENERGY_SAMPLES` readings.

    None of a sweep: its board heats by a burner too.
    """
    if facts.protocol.regime is Regime.SWEEP:
        return None
    power_w = facts.telemetry.series("power_w")[facts.in_window & (facts.telemetry.at_ns >= facts.headline_from_ns)]
    known = power_w[~np.isnan(power_w)]
    return float(known.mean()) * facts.summary.mean_ns / 1e9 if len(known) >= ENERGY_SAMPLES else None


def _blobs(session: Session, attempt: AttemptRow, *kinds: str) -> Iterator[bytes]:
    session.flush()
    query = (
        select(ChunkRow.blob).where(ChunkRow.attempt_id == attempt.id, ChunkRow.kind.in_(kinds)).order_by(ChunkRow.seq)
    )
    return iter(session.scalars(query).all())
