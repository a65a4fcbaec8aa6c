"""Attempts in SQL, from the moment before a start is sent until what became of it is settled.

An attempt is `staging` while nothing can run on the board yet, `started` from before the start command is sent until
its end is known. Whoever comes late, after its lease was lost, finds the attempt or the lease changed and changes
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.wire.records import Fault
from orchestrator import studies
from orchestrator.attending.leases import Lease
from orchestrator.attending.lifecycle import (
    GIVEN_UP,
    MAX_DEVICE_FAULTS,
    OPEN_ATTEMPT_STATES,
    SICK_AFTER_FAULTS,
    AttemptState,
    DeviceState,
    RunEvent,
    RunState,
    after,
)
from orchestrator.boards.rooms import room_of
from orchestrator.db.clock import now_s
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from orchestrator.events import EventKind, record

_CLAIMED_BEFORE = "claimed_before"
_UNSEEN = (GIVEN_UP, _CLAIMED_BEFORE)  # closed here, while the board may still be at it
_KEPT_BY_BOARDS = (
    AttemptRow.state.not_in(OPEN_ATTEMPT_STATES),
    AttemptRow.started_at_s.is_not(None),
    AttemptRow.forgotten_at_s.is_(None),
)


class OvertakenError(Exception):
    """Another attendant was faster: the attempt is closed, or its journal was ingested. Roll back and look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A closed attempt, as its board knows it. Not `is_seen`: something of it may still live there, an orphan even."""

    attempt_id: int
    run_id: str
    number: int
    is_seen: bool


def require_lease(session: Session, lease: Lease) -> None:
    """Let the caller's transaction commit only if nobody has taken the device's lease since; the last thing in it.

    Raises `OvertakenError`. Attempt, run, device: rows are locked in this order everywhere.
    """
    fence = session.scalar(select(DeviceRow.fence).where(DeviceRow.id == lease.device_id).with_for_update(**KEEP))
    if fence != lease.fence:
        raise OvertakenError(f"device {lease.device_id}: somebody else looks after it now")


def mark_started(session: Session, attempt_id: int) -> bool:
    """Note that a start is about to be sent; False where the run or this attempt at it is no longer wanted."""
    attempt = session.get(AttemptRow, attempt_id, with_for_update=KEEP)
    if attempt is None or not attempt.is_open:
        return False
    run = locked_run(session, attempt.run_id)
    following = after(run.state, RunEvent.STARTED) if run.state is RunState.STAGING else run.state
    if following is not RunState.RUNNING:
        return False
    run.state, attempt.state = following, AttemptState.STARTED
    run.started_at_s = attempt.started_at_s = started_at_s = session.scalars(select(now_s())).one()
    _keep_surroundings(run, session.get_one(DeviceRow, attempt.device_id), started_at_s)
    message = f"attempt {attempt.number}"
    record(session, EventKind.RUN_STARTED, message, device_id=attempt.device_id, study_id=run.study_id, run_id=run.id)
    return True


def _keep_surroundings(run: RunRow, device: DeviceRow, started_at_s: float) -> None:
    """Keep what a run is measured under: labels and room may be others when it is asked for."""
    run.labels = dict(device.labels)
    run.ambient_c, run.ambient_source = room_of(device, run.study, started_at_s)


def require_open(session: Session, attempt: AttemptRow) -> None:
    """Keep an attempt from changing until the caller's transaction ends; raises `OvertakenError` if it is closed."""
    session.refresh(attempt, with_for_update=KEEP)
    if not attempt.is_open:
        raise OvertakenError(f"attempt {attempt.id}: somebody else has closed it as {attempt.state.value}")


def close(session: Session, attempt: AttemptRow, state: AttemptState, code: str = "", message: str = "") -> None:
    """End an attempt, in the caller's transaction; the machine is free for others from then on.

    Raises `OvertakenError` where somebody else has ended it already.
    """
    require_open(session, attempt)
    locked_run(session, attempt.run_id)
    attempt.state, attempt.code, attempt.message = state, code, message
    attempt.closed_at_s = session.scalar(select(now_s()))
    session.execute(update(DeviceRow).where(DeviceRow.id == attempt.device_id).values(last_served_at_s=now_s()))


def to_forget(database: Database, device_id: int) -> list[Ended]:
    """Attempts that are closed here and that the board may still keep."""
    query = select(AttemptRow.id, AttemptRow.run_id, AttemptRow.number, AttemptRow.state, AttemptRow.code).where(
        AttemptRow.device_id == device_id, *_KEPT_BY_BOARDS
    )
    with database.read() as session:
        return [
            Ended(attempt_id=id, run_id=run_id, number=number, is_seen=_is_over(state, code))
            for id, run_id, number, state, code in session.execute(query)
        ]


def any_to_forget(database: Database) -> bool:
    """Whether some board still keeps what it has said the end of."""
    query = select(AttemptRow.id).where(*_KEPT_BY_BOARDS, AttemptRow.code.not_in(_UNSEEN))
    with database.read() as session:
        return session.scalar(query.limit(1)) is not None


def note_forgotten(database: Database, ended: Sequence[Ended]) -> None:
    """Note that the board keeps nothing of these attempts any more."""
    with database.write() as session:
        ids = [attempt.attempt_id for attempt in ended]
        session.execute(update(AttemptRow).where(AttemptRow.id.in_(ids)).values(forgotten_at_s=now_s()))


def withdraw(session: Session, attempt_id: int, seen: AttemptState = AttemptState.STAGING) -> None:
    """Forget an attempt that no board has claimed: its run waits again, no try is counted, the machine is free.

    Nothing happens where it is no longer in the state that the caller has `seen`.
    """
    attempt = session.get(AttemptRow, attempt_id, with_for_update=KEEP)
    if attempt is None or attempt.state is not seen:
        return
    run = locked_run(session, attempt.run_id)
    session.delete(attempt)
    run.attempts_made -= 1
    run.state = after(run.state, RunEvent.REQUEUED) or run.state


def _is_over(state: AttemptState, code: str) -> bool:
    return state is not AttemptState.LOST and code not in _UNSEEN


def disown(session: Session, attempt: AttemptRow, message: str) -> None:
    """Close an attempt that its board knows as another one, after a restore: the run waits for a new number.

    Nobody is at fault, so no try is counted. Raises `OvertakenError` where somebody else has closed it already.
    """
    close(session, attempt, AttemptState.LOST, _CLAIMED_BEFORE, message)
    run = locked_run(session, attempt.run_id)
    if run.state in (RunState.STAGING, RunState.RUNNING):
        run.state = after(run.state, RunEvent.REQUEUED) or run.state
        record(session, EventKind.RUN_REQUEUED, message, device_id=attempt.device_id, run_id=run.id)


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
        studies.close_if_done(session, run.study_id, device.id)


def locked_run(session: Session, run_id: str) -> RunRow:
    """The run as it is now, kept from changing until the caller's transaction ends: a cancel may be on its way."""
    return session.get_one(RunRow, run_id, with_for_update=KEEP, populate_existing=True)


def note_device_fault(session: Session, device: DeviceRow, reason: str) -> None:
    """Count a fault against a device; after several in a row it is sick, and keeps its queue."""
    device.faults_in_row += 1
    if device.faults_in_row >= SICK_AFTER_FAULTS and device.state is DeviceState.READY:
        make_sick(session, device, f"{device.faults_in_row} faults in a row, the last: {reason}")


def make_sick(session: Session, device: DeviceRow, reason: str) -> None:
    """Take a device out of service until someone resumes it."""
    device.state, device.state_reason = DeviceState.SICK, reason
    record(session, EventKind.DEVICE_SICK, f"{device.name}: {reason}", device_id=device.id)
