"""What people say of a device's surroundings: its labels, and how warm its room is. A run keeps what held at its start.

Labels and readings may change at any time; what was measured before keeps what it was measured under.
"""

from collections.abc import Mapping

from sqlalchemy import select

from orchestrator.boards.ambient import Typed, require_sound_label
from orchestrator.boards.fleet import find
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.events import EventKind, record


def relabel(database: Database, name: str, changes: Mapping[str, str | None]) -> Mapping[str, str]:
    """Set labels of a device, None takes one away; all that it has then. Runs that have begun keep their own.

    Raises `NotFoundError` for an unknown device, `SpecError` for a label that it does not have or that is unsound.
    """
    with database.write() as session:
        device = find(session, name)
        absent = [key for key, value in changes.items() if value is None and key not in device.labels]
        if absent:
            have = ", ".join(device.labels) or "none"
            raise SpecError(f"label {absent[0]}: {name} has no such label to take away; it has {have}")
        labels = {key: value for key, value in {**device.labels, **changes}.items() if value is not None}
        require_sound_label(labels)
        if labels != device.labels:
            before, device.labels = device.labels, labels
            said = f"{name}: labels {_shown(labels)}, before: {_shown(before)}"
            record(session, EventKind.DEVICE_CHANGED, said, device_id=device.id)
        return labels


def type_in_ambient(database: Database, name: str, celsius: float, hours: float | None) -> None:
    """Keep a reading of the room around a device, made now; it holds for so many hours, None: until another comes.

    Raises `NotFoundError`, or `SpecError` for what is no room's temperature.
    """
    if hours is not None and not 0 < hours <= 24 * 365:
        raise SpecError(f"--hours: expected more than 0, at most a year, got {hours:g}")
    with database.write() as session:
        device = find(session, name)
        at_s = session.scalars(select(now_s())).one()
        typed = Typed(celsius=celsius, at_s=at_s, until_s=None if hours is None else at_s + 3600 * hours)
        device.ambient_c, device.ambient_at_s, device.ambient_until_s = typed.celsius, typed.at_s, typed.until_s
        how_long = "until another reading" if hours is None else f"for {hours:g} h"
        said = f"{name}: room {celsius:.1f} C, typed in, holds {how_long}"
        record(session, EventKind.DEVICE_CHANGED, said, device_id=device.id)


def forget_ambient(database: Database, name: str) -> None:
    """Take back the reading that was typed in for a device; what was measured with it keeps it."""
    with database.write() as session:
        device = find(session, name)
        device.ambient_c = device.ambient_at_s = device.ambient_until_s = None
        record(session, EventKind.DEVICE_CHANGED, f"{name}: room not known any more", device_id=device.id)


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "none"
