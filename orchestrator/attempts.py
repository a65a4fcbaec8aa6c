"""Attempts in SQL: picking the next run for a device, and settling what became of an attempt.

A device picks under a lease; the unique indices of `attempts` refuse whatever two attendants might agree on by
mistake. An attempt is `staging` while nothing can run on the board yet, `started` from before the start command is
sent until its end is known.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.records import Fault
from agent.wire.spec import Inputs, Protocol, Scalar, at_start_temperature
from orchestrator import studies
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, BuildRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow, VariantRow
from orchestrator.events import EventKind, record
from orchestrator.lifecycle import (
    MAX_DEVICE_FAULTS,
    OPEN_ATTEMPT_STATES,
    SICK_AFTER_FAULTS,
    AttemptState,
    DeviceState,
    RunEvent,
    RunState,
    StudyState,
    after,
)
from orchestrator.scheduler import Turn, Waiting, next_run, whose_turn

SCRIPTED = "scripted"
GIVEN_UP = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An open attempt with all that its attendant needs to know.

    Not `is_wanted`: the run was cancelled or retried. `is_staged`: its artifact and bundle were on the board before.
    """

    attempt_id: int
    device_id: int
    run_id: str
    number: int
    state: AttemptState
    is_wanted: bool
    study_id: int
    cursor_byte: int
    is_staged: bool
    artifact_id: str
    manifest: Mapping[str, Any]
    bundle_hash: str
    runtime: str
    threads: int
    runtime_options: Mapping[str, Scalar]
    protocol: Protocol
    inputs: Inputs


class OvertakenError(Exception):
    """Another attendant was faster: the attempt is closed, or its journal was ingested. Roll back and look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A closed attempt, as its board knows it."""

    attempt_id: int
    run_id: str
    number: int


class Idle(enum.Enum):
    """Why a device picked nothing."""

    NOTHING_QUEUED = "nothing queued"
    NOT_READY = "not ready"
    MACHINE_BUSY = "machine busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMyTurn:
    """Another device of the same machine has waited longer."""

    device_id: int


def current(database: Database, device_id: int) -> Assignment | None:
    """The open attempt of a device, if there is one."""
    with database.read() as session:
        attempt = session.scalar(
            select(AttemptRow).where(AttemptRow.device_id == device_id, AttemptRow.state.in_(OPEN_ATTEMPT_STATES))
        )
        return None if attempt is None else _assignment(session, attempt)


def open_next(database: Database, device_id: int) -> Assignment | Idle | NotMyTurn:
    """Open an attempt at the run that the scheduler picks for a device."""
    try:
        with database.write() as session:
            device = session.get_one(DeviceRow, device_id)
            if device.state is not DeviceState.READY:
                return Idle.NOT_READY
            chosen = next_run(_waiting(session, device_id))
            if chosen is None:
                return Idle.NOTHING_QUEUED
            run = locked_run(session, chosen.run_id)
            is_exclusive = run.variant.runtime != SCRIPTED
            if is_exclusive and (refusal := _refusal_of_machine(session, device)) is not None:
                return refusal
            return _open(session, run, device.machine_key if is_exclusive else None)
    except IntegrityError:
        return Idle.MACHINE_BUSY


def mark_started(database: Database, assignment: Assignment) -> bool:
    """Note that a start is about to be sent; False where the run or this attempt at it is no longer wanted."""
    with database.write() as session:
        attempt = _locked_attempt(session, assignment)
        run = locked_run(session, assignment.run_id)
        following = after(run.state, RunEvent.STARTED) if run.state is RunState.STAGING else run.state
        if attempt is None or not attempt.is_open or following is not RunState.RUNNING:
            return False
        run.state, attempt.state = following, AttemptState.STARTED
        run.started_at_s = attempt.started_at_s = session.scalar(select(now_s()))
        return True


def require_open(session: Session, attempt: AttemptRow) -> None:
    """Keep an attempt from changing until the caller's transaction ends; raises `OvertakenError` if it is closed."""
    session.refresh(attempt, with_for_update=True)
    if not attempt.is_open:
        raise OvertakenError(f"attempt {attempt.id}: somebody else has closed it as {attempt.state.value}")


def close(session: Session, attempt: AttemptRow, state: AttemptState, code: str = "", message: str = "") -> None:
    """End an attempt, in the caller's transaction; the machine is free for others from then on.

    Raises `OvertakenError` where somebody else has ended it already.
    """
    require_open(session, attempt)
    attempt.state, attempt.code, attempt.message = state, code, message
    attempt.closed_at_s = session.scalar(select(now_s()))
    session.execute(update(DeviceRow).where(DeviceRow.id == attempt.device_id).values(last_served_at_s=now_s()))


def to_forget(database: Database, device_id: int) -> list[Ended]:
    """Attempts that are settled here and that the board still keeps; one given up unseen is not among them."""
    query = select(AttemptRow.id, AttemptRow.run_id, AttemptRow.number).where(
        AttemptRow.device_id == device_id,
        AttemptRow.state.not_in(OPEN_ATTEMPT_STATES),
        AttemptRow.started_at_s.is_not(None),
        AttemptRow.forgotten_at_s.is_(None),
        AttemptRow.code != GIVEN_UP,
    )
    with database.read() as session:
        return [Ended(attempt_id=id, run_id=run_id, number=number) for id, run_id, number in session.execute(query)]


def note_forgotten(database: Database, ended: Sequence[Ended]) -> None:
    """Note that the board keeps nothing of these attempts any more."""
    with database.write() as session:
        ids = [attempt.attempt_id for attempt in ended]
        session.execute(update(AttemptRow).where(AttemptRow.id.in_(ids)).values(forgotten_at_s=now_s()))


def withdraw(database: Database, assignment: Assignment) -> None:
    """Forget an attempt that never reached the board: its run waits again, no try is counted, the machine is free."""
    with database.write() as session:
        attempt = _locked_attempt(session, assignment)
        if attempt is None or attempt.state is not AttemptState.STAGING:
            return
        run = locked_run(session, assignment.run_id)
        session.delete(attempt)
        run.attempts_made -= 1
        run.state = after(run.state, RunEvent.REQUEUED) or run.state


def fail(session: Session, attempt: AttemptRow, state: AttemptState, fault: Fault, code: str, message: str) -> None:
    """Close a failed or lost attempt and say what becomes of its run: only a device's fault is worth another try.

    Raises `OvertakenError` where somebody else has closed it already.
    """
    close(session, attempt, state, code, message)
    run, device = locked_run(session, attempt.run_id), session.get_one(DeviceRow, attempt.device_id)
    if run.state not in (RunState.STAGING, RunState.RUNNING):
        return
    run.code, run.message = code, message
    if fault is Fault.DEVICE:
        run.device_faults += 1
        note_device_fault(session, device, f"{code}: {message}")
    is_worth_a_try = fault is Fault.DEVICE and run.device_faults < MAX_DEVICE_FAULTS
    event = RunEvent.REQUEUED if is_worth_a_try else RunEvent.GAVE_UP
    run.state = after(run.state, event) or run.state
    kind = EventKind.RUN_REQUEUED if is_worth_a_try else EventKind.RUN_FAILED
    record(session, kind, f"{code}: {message}", device_id=device.id, study_id=run.study_id, run_id=run.id)
    if not is_worth_a_try:
        run.ended_at_s = session.scalar(select(now_s()))
        studies.close_if_done(session, run.study_id)


def locked_run(session: Session, run_id: str) -> RunRow:
    """The run as it is now, kept from changing until the caller's transaction ends: a cancel may be on its way."""
    return session.get_one(RunRow, run_id, with_for_update=True, populate_existing=True)


def _locked_attempt(session: Session, assignment: Assignment) -> AttemptRow | None:
    return session.get(AttemptRow, assignment.attempt_id, with_for_update=True)


def note_device_fault(session: Session, device: DeviceRow, reason: str) -> None:
    """Count a fault against a device; after several in a row it is sick, and keeps its queue."""
    device.faults_in_row += 1
    if device.faults_in_row >= SICK_AFTER_FAULTS and device.state is DeviceState.READY:
        make_sick(session, device, f"{device.faults_in_row} faults in a row, the last: {reason}")


def make_sick(session: Session, device: DeviceRow, reason: str) -> None:
    """Take a device out of service until someone resumes it."""
    device.state, device.state_reason = DeviceState.SICK, reason
    record(session, EventKind.DEVICE_SICK, f"{device.name}: {reason}", device_id=device.id)


def _refusal_of_machine(session: Session, device: DeviceRow) -> Idle | NotMyTurn | None:
    siblings = select(DeviceRow).where(
        DeviceRow.machine_key == device.machine_key, DeviceRow.state == DeviceState.READY
    )
    turns = [
        Turn(device_id=sibling.id, last_served_at_s=sibling.last_served_at_s)
        for sibling in session.scalars(siblings)
        if sibling.id == device.id or (sibling.unreachable_in_row == 0 and next_run(_waiting(session, sibling.id)))
    ]
    busy = select(AttemptRow.id).where(
        AttemptRow.machine_key == device.machine_key, AttemptRow.state.in_(OPEN_ATTEMPT_STATES)
    )
    if session.scalar(busy.limit(1)) is not None:
        return Idle.MACHINE_BUSY
    turn = whose_turn(turns)
    return None if turn in (device.id, None) else NotMyTurn(device_id=turn)


def _waiting(session: Session, device_id: int) -> list[Waiting]:
    measured = (
        select(RunRow.study_id, RunRow.block, func.count().label("count"))
        .where(RunRow.device_id == device_id, RunRow.attempts_made > 0)
        .group_by(RunRow.study_id, RunRow.block)
    )
    begun = {(study_id, block): count for study_id, block, count in session.execute(measured)}
    served: dict[int, int] = {}
    for (study_id, _), count in begun.items():
        served[study_id] = served.get(study_id, 0) + count
    queued = (
        select(RunRow.id, RunRow.study_id, StudyRow.priority, RunRow.block, RunRow.position)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .where(
            RunRow.device_id == device_id,
            RunRow.state == RunState.QUEUED,
            StudyRow.state == StudyState.ACTIVE,
        )
    )
    return [
        Waiting(
            run_id=run_id,
            study_id=study_id,
            priority=priority,
            block=block,
            position=position,
            is_block_begun=(study_id, block) in begun,
            study_runs_measured=served.get(study_id, 0),
        )
        for run_id, study_id, priority, block, position in session.execute(queued)
    ]


def _open(session: Session, run: RunRow, machine_key: str | None) -> Assignment:
    run.state = after(run.state, RunEvent.PICKED) or run.state
    run.attempts_made += 1
    attempt = AttemptRow(run=run, number=run.attempts_made, device_id=run.device_id, machine_key=machine_key)
    session.add(attempt)
    session.flush()
    return _assignment(session, attempt)


def _assignment(session: Session, attempt: AttemptRow) -> Assignment:
    run = attempt.run
    study: StudyRow = run.study
    variant: VariantRow = run.variant
    shared = session.get(StudyDeviceRow, (study.id, run.device_id))
    protocol = decode(Protocol, study.protocol)
    if shared is not None and shared.start_c is not None:
        protocol = at_start_temperature(protocol, shared.start_c)
    return Assignment(
        attempt_id=attempt.id,
        device_id=attempt.device_id,
        run_id=run.id,
        number=attempt.number,
        state=attempt.state,
        is_wanted=run.state in (RunState.STAGING, RunState.RUNNING),
        study_id=study.id,
        cursor_byte=attempt.cursor_byte,
        is_staged=_was_staged(session, attempt),
        artifact_id=variant.build.artifact_id,
        manifest=variant.build.artifact.manifest,
        bundle_hash=study.bundle_hash,
        runtime=variant.runtime,
        threads=variant.threads,
        runtime_options=variant.options,
        protocol=protocol,
        inputs=decode(Inputs, study.inputs),
    )


def _was_staged(session: Session, attempt: AttemptRow) -> bool:
    """Whether an earlier attempt on this device was started with the same artifact and the same bundle."""
    earlier = (
        select(AttemptRow.id)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .where(
            AttemptRow.device_id == attempt.device_id,
            AttemptRow.started_at_s.is_not(None),
            BuildRow.artifact_id == attempt.run.variant.build.artifact_id,
            StudyRow.bundle_hash == attempt.run.study.bundle_hash,
        )
    )
    return session.scalar(earlier.limit(1)) is not None
