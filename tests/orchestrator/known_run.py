"""One started attempt at a run of a known name, for tests that bring it journals, and back to where it began."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update

from orchestrator.attending import results
from orchestrator.attending.ingest import Ingested, ingest
from orchestrator.db.session import Database
from orchestrator.db.stored import Base
from orchestrator.db.tables import AttemptRow, RunRow
from tests.small_farm import dump, plant, start_attempt

ATTEMPT = 1
RUN = "cafe"
Rows = Mapping[str, list[dict[str, Any]]]


def start_known_run(database: Database) -> Database:
    """A started attempt at a run whose name the tests' journals bear."""
    farm = plant(database)
    with database.write() as session:
        session.execute(update(RunRow).values(id=RUN))
    assert start_attempt(database, farm.device_id).attempt_id == ATTEMPT
    return database


def bring(database: Database, data: bytes, from_byte: int | None = None) -> Ingested:
    """Ingest `data`, that was fetched from `from_byte`, by default from where the attempt's cursor is."""
    with database.write() as session:
        attempt = session.get_one(AttemptRow, ATTEMPT)
        return ingest(session, attempt, data, attempt.cursor_byte if from_byte is None else from_byte)


def bring_and_settle(database: Database, data: bytes) -> Ingested:
    """The same, and what an attendant does when the end record is among it."""
    with database.write() as session:
        attempt = session.get_one(AttemptRow, ATTEMPT)
        taken = ingest(session, attempt, data, attempt.cursor_byte)
        if taken.ended is not None:
            results.settle(session, attempt, taken.ended)
        return taken


def ingested_rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """What ingest may write to."""
    everything = dump(database)
    return {name: everything[name] for name in ("attempts", "chunks", "study_devices")}


def remember(database: Database) -> Rows:
    """Every row as it is now."""
    with database.read() as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table)).mappings()]
            for table in Base.metadata.sorted_tables
        }


def restore(database: Database, rows: Rows) -> None:
    """Make every table what it was."""
    with database.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            if rows[table.name]:
                session.execute(insert(table), rows[table.name])
