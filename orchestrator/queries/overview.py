"""The farm at a glance: how much waits, and what failed lately."""

from dataclasses import dataclass

from sqlalchemy import func, select

from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.queries.work_left import seconds_left

LATELY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """Runs that wait and runs that are being measured; `eta_s` is null where nothing waits."""

    waiting: int
    running: int
    eta_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """Runs of one study that failed lately on one device in one way; `message` is the last one's."""

    study: int
    device: str
    code: str
    message: str
    runs: int
    last_age_s: float


def queue_of(database: Database) -> QueueView:
    """The queue, and when the busiest machine will have done what active studies ask of it, about."""
    open_states = (RunState.QUEUED, RunState.STAGING, RunState.RUNNING)
    query = select(RunRow.state, func.count()).where(RunRow.state.in_(open_states)).group_by(RunRow.state)
    with database.read() as session:
        counts = {state: count for state, count in session.execute(query)}  # noqa: C416  # rows, not pairs
        eta_s = max(seconds_left(session).values(), default=None)
    waiting = counts.pop(RunState.QUEUED, 0)
    return QueueView(waiting=waiting, running=sum(counts.values()), eta_s=eta_s)


def unattended_s(database: Database) -> float | None:
    """For how long a device with waiting runs has been due and nobody came; None where none is."""
    has_work = select(RunRow.id).where(RunRow.device_id == DeviceRow.id, RunRow.state == RunState.QUEUED).exists()
    due_for_s = func.max(now_s() - DeviceRow.next_attention_at_s)
    query = select(due_for_s).where(
        DeviceRow.state == DeviceState.READY, DeviceRow.next_attention_at_s <= now_s(), has_work
    )
    with database.read() as session:
        return session.scalar(query)


def recent_failures(database: Database, within_s: float = LATELY_S, limit: int = 20) -> tuple[FailureView, ...]:
    """What failed lately, the newest first; runs of a study that failed alike on a device are one line."""
    age_s = func.min(now_s() - RunRow.ended_at_s)
    query = (
        select(RunRow.study_id, DeviceRow.name, RunRow.code, func.max(RunRow.message), func.count(), age_s)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .where(RunRow.state == RunState.FAILED, RunRow.ended_at_s >= now_s() - within_s)
        .group_by(RunRow.study_id, DeviceRow.name, RunRow.code)
        .order_by(age_s)
        .limit(limit)
    )
    with database.read() as session:
        return tuple(
            FailureView(study=study, device=device, code=code, message=message, runs=runs, last_age_s=last_age_s)
            for study, device, code, message, runs, last_age_s in session.execute(query)
        )
