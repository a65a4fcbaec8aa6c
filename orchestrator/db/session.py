"""Engines and sessions. On SQLite: WAL, and BEGIN IMMEDIATE for whatever reads in order to write.

Lifecycle: `open_database` makes one engine per process; `Database.read` and `Database.write` are the only ways to a
session, both commit or roll back and close on exit.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from orchestrator.errors import SpecError

T = TypeVar("T")
_SWITCH_PATIENCE_S = 30.0
_SQLITE_SETTINGS = (
    "page_size=16384",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "busy_timeout=30000",
    "foreign_keys=ON",
)


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database; safe to share between threads."""

    engine: Engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and stores nothing."""
        with Session(self.engine) as session:
            yield session

    def retried(self, work: Callable[[Session], T]) -> T:
        """What `work` returns in a write transaction; done once more if somebody else stored the same row meanwhile."""
        try:
            with self.write() as session:
                return work(session)
        except IntegrityError:
            with self.write() as session:
                return work(session)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: commits at the end, rolls back on any error. On SQLite it locks at once."""
        with (
            Session(self.engine.execution_options(pifarm_writes=True), expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session


def open_engine(url: str) -> Engine:
    """An engine for a database URL, with SQLite's settings applied to each new connection; raises `SpecError`."""
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SpecError(
            f"database_url: expected e.g. sqlite:////path or postgresql+psycopg://..., got {url!r}"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, parsed)
    return engine


def _prepare_sqlite(engine: Engine, url: URL) -> None:
    if url.database and url.database != ":memory:":
        _require_writable(Path(url.database))

    @event.listens_for(engine, "connect")
    def apply_settings(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for setting in _SQLITE_SETTINGS:
            _apply(connection, setting)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("pifarm_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _apply(connection: sqlite3.Connection, setting: str) -> None:
    """Set a PRAGMA. A switch to WAL is refused at once while others open the same new file, whatever the time-out."""
    give_up_s = time.monotonic() + _SWITCH_PATIENCE_S
    while True:
        try:
            connection.execute(f"PRAGMA {setting}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
        time.sleep(0.01)


def _require_writable(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("ab"):
            path.chmod(0o600)
    except OSError as error:
        raise SpecError(
            f"database: cannot write {path} ({error.strerror}); set PIFARM_HOME to a folder that you may write"
        ) from error


def explain(error: SQLAlchemyError) -> str:
    """One line for a person from a database error, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
