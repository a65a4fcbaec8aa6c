"""The farm's diary: one line for people and one structured log line for each thing that happens."""

import enum

import structlog
from sqlalchemy.orm import Session

from orchestrator.db.tables import DeviceRow, EventRow

log = structlog.get_logger("pifarm")


class EventKind(enum.Enum):
    """What can be written into the diary."""

    DEVICE_ADDED = "device added"
    DEVICE_CHANGED = "device changed"
    DEVICE_SICK = "device sick"
    DEVICE_UNREACHABLE = "device unreachable"
    CANARY = "canary"
    STUDY_SUBMITTED = "study submitted"
    STUDY_EXTENDED = "study extended"
    STUDY_CHANGED = "study changed"
    STUDY_NARROW = "study narrow enough"
    STUDY_NOT_NARROW = "study not narrow"
    PACE_STEP = "pace step"
    PACE_ENDED = "pace ended"
    START_GROUP_OPENED = "start group opened"
    STUDY_ENDED = "study ended"
    STUDY_CANCELLED = "study cancelled"
    RUN_STARTED = "run started"
    RUN_ENDED = "run ended"
    RUN_REQUEUED = "run requeued"
    RUN_FAILED = "run failed"
    RESULT_SUPERSEDED = "result superseded"


def record(
    session: Session,
    kind: EventKind,
    message: str,
    *,
    device_id: int | None = None,
    study_id: int | None = None,
    run_id: str | None = None,
) -> None:
    """Write one line into the diary, in the caller's transaction."""
    session.add(EventRow(kind=kind.value, message=message, device_id=device_id, study_id=study_id, run_id=run_id))
    log.info(kind.value, message=message, device=_name_of(session, device_id), study=study_id, run=run_id)


def _name_of(session: Session, device_id: int | None) -> str | None:
    with session.no_autoflush:
        device = None if device_id is None else session.get(DeviceRow, device_id)
    return None if device is None else device.name
