"""The farm that a process works for: its settings, its database, its identity.

Lifecycle: `open_farm` once per process; migrates the database, and gives a new database its farm id.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import select

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
    database = open_migrated(settings.database_url)
    with database.write() as session:
        row = session.scalar(select(FarmRow))
        if row is None:
            row = FarmRow(farm_id=f"farm-{secrets.token_hex(6)}")
            session.add(row)
        return Farm(settings=settings, database=database, farm_id=row.farm_id)
