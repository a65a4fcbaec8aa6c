"""The farm that a process works for: its settings, its database, its identity.

Lifecycle: `open_farm` once per process; migrates the database, and gives a new database its farm id.
"""

import contextlib
import secrets
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from orchestrator.config import Settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import FarmRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """Settings and database of one farm; `farm_id` is half of every fence."""

    settings: Settings
    database: Database
    farm_id: str


def open_farm(settings: Settings) -> Farm:
    """The farm of these settings, ready for use; raises `SpecError` where the database cannot be."""
    database = open_migrated(settings.database_url, settings.worker_threads)
    with contextlib.suppress(IntegrityError), database.write() as session:  # somebody else was first: theirs it is
        if session.get(FarmRow, 1) is None:
            session.add(FarmRow(farm_id=f"farm-{secrets.token_hex(6)}"))
    with database.read() as session:
        return Farm(settings=settings, database=database, farm_id=session.get_one(FarmRow, 1).farm_id)
