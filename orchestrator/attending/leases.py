"""Who may act for a device, and when a device wants attention. All times are on the database's clock.

A lease is taken by one conditional UPDATE that also raises the device's fence, so that whoever held it before is
refused by the board. Wake-up messages may be lost or doubled; the marks in SQL make up for both. A clock that steps
back leaves marks that nobody can have made by it: they count for nothing, so that no device stands still until then.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, CursorResult, exists, or_, select, update
from sqlalchemy.orm import Session

from orchestrator.attending.lifecycle import OPEN_ATTEMPT_STATES, DeviceState, RunState
from orchestrator.db.clock import now_s
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow

LEASE_S = 60.0
LOST_WAKE_S = 15.0
SLACK_S = 5.0  # what a clock may be set by without meaning anything
MAX_WAKES_A_TICK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to act for a device; `fence` grows with each lease."""

    device_id: int
    holder: str
    fence: int


def take(database: Database, device_id: int, holder: str) -> Lease | None:
    """The lease of a device, or None while somebody else holds it. Clears the device's wake-up mark."""
    with database.write() as session:
        fence = session.scalar(
            update(DeviceRow)
            .where(DeviceRow.id == device_id, _is_free())
            .values(
                lease_holder=holder,
                lease_expires_at_s=now_s() + LEASE_S,
                fence=DeviceRow.fence + 1,
                wake_after_s=0.0,
            )
            .returning(DeviceRow.fence)
        )
    return None if fence is None else Lease(device_id=device_id, holder=holder, fence=fence)


def renew(database: Database, lease: Lease) -> bool:
    """Extend a lease; False means that it is lost and nothing more may be done with it."""
    with database.write() as session:
        return _update_held(session, lease, lease_expires_at_s=now_s() + LEASE_S)


def overtake(database: Database, lease: Lease, board_number: int) -> Lease | None:
    """The same lease with a fence above the board's, after a restored database; None if the lease is lost."""
    fence = max(lease.fence, board_number) + 1
    with database.write() as session:
        held = _update_held(session, lease, fence=fence)
    return Lease(device_id=lease.device_id, holder=lease.holder, fence=fence) if held else None


def release(database: Database, lease: Lease, next_attention_in_s: float | None) -> None:
    """Give a lease back and say when the device wants attention again; None: when something happens.

    Work that was submitted meanwhile is seen here, so that no submission is overlooked. A database that is away is
    waited for, so that nobody has to wait for the lease to run out.
    """
    database.patiently(lambda session: _release(session, lease, next_attention_in_s))


def call(session: Session, device_ids: list[int]) -> None:
    """Mark devices as due now, in the caller's transaction; a wake-up message may follow after the commit."""
    session.execute(
        update(DeviceRow)
        .where(DeviceRow.id.in_(device_ids))
        .values(next_attention_at_s=now_s(), attention_noted_at_s=now_s(), wake_after_s=0.0)
    )


def free_all(database: Database) -> None:
    """Forget who acts for which device and who was rung for: after a restore, that was long ago and elsewhere."""
    with database.write() as session:
        session.execute(update(DeviceRow).values(lease_holder=None, lease_expires_at_s=0.0, wake_after_s=0.0))


def claim_due(database: Database) -> list[int]:
    """Devices to wake now, marked so that nobody wakes them again for `LOST_WAKE_S`.

    A device that somebody else is just changing is left to the next tick: ticks never wait for anybody.
    """
    due = (
        select(DeviceRow.id)
        .where(_is_due(), _may_be_woken(), _is_free())
        .order_by(DeviceRow.next_attention_at_s)
        .limit(MAX_WAKES_A_TICK)
        .with_for_update(skip_locked=True, **KEEP)
        .cte("due")
    )
    with database.write() as session:
        ids = session.scalars(
            update(DeviceRow)
            .where(DeviceRow.id.in_(select(due.c.id)))
            .values(wake_after_s=now_s() + LOST_WAKE_S)
            .returning(DeviceRow.id)
        )
        return list(ids)


def has_work(session: Session, device_id: int) -> bool:
    """Whether a run is queued for a device or an attempt is open on it."""
    queued = exists().where(RunRow.device_id == device_id, RunRow.state == RunState.QUEUED)
    is_open = exists().where(AttemptRow.device_id == device_id, AttemptRow.state.in_(OPEN_ATTEMPT_STATES))
    return bool(session.scalar(select(queued | is_open)))


def _release(session: Session, lease: Lease, next_attention_in_s: float | None) -> None:
    device = session.get_one(DeviceRow, lease.device_id, with_for_update=KEEP)
    if next_attention_in_s is None and device.state is DeviceState.READY and has_work(session, lease.device_id):
        next_attention_in_s = 0.0
    due = None if next_attention_in_s is None else now_s() + next_attention_in_s
    _update_held(
        session,
        lease,
        lease_holder=None,
        lease_expires_at_s=0.0,
        next_attention_at_s=due,
        attention_noted_at_s=now_s(),
    )


def _is_free() -> ColumnElement[bool]:
    """Nobody holds the lease; one that lasts longer than any can was taken before the clock stepped back."""
    expires_s = DeviceRow.lease_expires_at_s
    return or_(expires_s < now_s(), expires_s > now_s() + (LEASE_S + SLACK_S))


def _may_be_woken() -> ColumnElement[bool]:
    """No wake-up message may be on its way."""
    until_s = DeviceRow.wake_after_s
    return or_(until_s <= now_s(), until_s > now_s() + (LOST_WAKE_S + SLACK_S))


def _is_due() -> ColumnElement[bool]:
    """It is time, or nobody can know it: a board may announce hours of quiet, but not at a time that is yet to come."""
    return or_(
        DeviceRow.next_attention_at_s <= now_s(),
        DeviceRow.next_attention_at_s.is_not(None) & (DeviceRow.attention_noted_at_s > now_s() + SLACK_S),
    )


def _update_held(session: Session, lease: Lease, **values: object) -> bool:
    result = session.execute(
        update(DeviceRow)
        .where(
            DeviceRow.id == lease.device_id,
            DeviceRow.lease_holder == lease.holder,
            DeviceRow.fence == lease.fence,
            DeviceRow.lease_expires_at_s >= now_s(),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
