"""What boards last said of their temperature, clock and throttle bits, and how old that is.

A board speaks of its clock and bits while it measures, and at no other time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow
from orchestrator.queries.progress import clock_scale, newest_reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """A board's newest reading; each figure is null where no sensor told it."""

    temperature_c: float | None
    clock_hz: float | None
    throttled: int | None
    age_s: float


def read_vitals(database: Database, devices: Sequence[str]) -> Mapping[str, Vitals]:
    """The newest reading of each of these devices, by name; those without any are left out."""
    with database.read() as session:
        query = select(DeviceRow.name, DeviceRow.id).where(DeviceRow.name.in_(devices))
        found = {name: _vitals(session, device_id) for name, device_id in session.execute(query)}
    return {name: vitals for name, vitals in found.items() if vitals is not None}


def _vitals(session: Session, device_id: int) -> Vitals | None:
    query = (
        select(AttemptRow, now_s() - AttemptRow.started_at_s)
        .where(AttemptRow.device_id == device_id, AttemptRow.started_at_s.is_not(None))
        .order_by(AttemptRow.id.desc())
        .limit(1)
    )
    newest = session.execute(query).first()
    if newest is None:
        return None
    attempt, since_s = newest
    reading = newest_reading(session, attempt.id)
    if reading.at_s is None:
        return None
    return Vitals(
        temperature_c=reading.temperature_c,
        clock_hz=reading.clock_hz,
        throttled=reading.throttled,
        age_s=max(0.0, since_s - reading.at_s / clock_scale(attempt)),
    )
