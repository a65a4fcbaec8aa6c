"""Engines and sessions. On SQLite: WAL, and BEGIN IMMEDIATE for whatever reads in order to write.

A PostgreSQL may go away and come back: a stale connection is replaced before it is used, a silent one is given up.
Whatever the database itself refuses becomes a `DatabaseError`; what two wanted at once stays SQLAlchemy's
`IntegrityError`. No message names a password.

Lifecycle: `open_engine` makes one engine per process; `Database.read` and `Database.write` are the only ways to a
session, both commit or roll back and close on exit.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from orchestrator.errors import DatabaseError, SpecError, masked, masked_url

T = TypeVar("T")
DEFAULT_THREADS = 8
SPARE_CONNECTIONS = 4  # a worker's threads hold one each; the rest is for whoever looks in meanwhile
POOL_PATIENCE_S = 30.0
PATIENCE_S = 20.0
MAX_TRIES = 3
# How to lock a row that is about to be changed. Not against others who only refer to it, by a new event or run of it:
# they would wait for this one and this one for them.
KEEP: Final[dict[str, Any]] = {"key_share": True}
_PAUSE_S = 0.5
_SWITCH_PATIENCE_S = 30.0
_IN_THE_WAY = ("40001", "40P01")  # serialization_failure, deadlock_detected
# libpq's names. A server that a network lost is given up within half a minute; a lock is waited for as on SQLite.
_SERVER = {
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "pifarm",
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
}
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
        with _translated(), Session(_repeatable(self.engine)) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: commits at the end, rolls back on any error. On SQLite it locks at once."""
        with _translated(), self._transaction() as session:
            yield session

    def retried(self, work: Callable[[Session], T]) -> T:
        """What `work` returns in a write transaction; done again where others were in its way, at most `MAX_TRIES`.

        They stored the same row meanwhile, or the database broke a deadlock: of such a try nothing is stored.
        """
        with _translated():
            for _ in range(MAX_TRIES - 1):
                try:
                    with self._transaction() as session:
                        return work(session)
                except DBAPIError as error:
                    if not _was_in_the_way(error):
                        raise
            with self._transaction() as session:
                return work(session)

    def patiently(self, work: Callable[[Session], T], patience_s: float = PATIENCE_S) -> T:
        """The same for work that may be done twice; where the database is away, it waits for it."""
        give_up_s = time.monotonic() + patience_s
        while True:
            try:
                return self.retried(work)
            except DatabaseError:
                if time.monotonic() > give_up_s:
                    raise
            time.sleep(_PAUSE_S)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with (
            Session(self.engine.execution_options(pifarm_writes=True), expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session


def open_engine(url: str, threads: int = DEFAULT_THREADS) -> Engine:
    """An engine for a database URL that so many threads use at once; raises `SpecError`.

    SQLite gets its settings with each new connection; what a URL says of PostgreSQL's goes before ours.
    """
    try:
        parsed = make_url(url)
        if "@" in (parsed.host or ""):
            raise ValueError("part of a password was taken for the host")
        is_sqlite = parsed.get_backend_name() == "sqlite"
        ours = {} if is_sqlite else {name: value for name, value in _SERVER.items() if name not in parsed.query}
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=threads,
            max_overflow=SPARE_CONNECTIONS,
            pool_timeout=POOL_PATIENCE_S,
            connect_args=ours,
        )
    except (ArgumentError, NoSuchModuleError, TypeError, ValueError) as error:
        raise SpecError(
            f"database_url: expected e.g. sqlite:////path or postgresql+psycopg://..., got {masked_url(url)!r}; "
            "in a password write @ as %40"
        ) from error
    if is_sqlite:
        _prepare_sqlite(engine, parsed)
    return engine


def explain(error: SQLAlchemyError) -> str:
    """One line for a person from a database error, without the statement, its parameters and passwords."""
    return masked(str(getattr(error, "orig", None) or error).splitlines()[0])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseError(f"database: {explain(error)}") from error
    except DBAPIError as error:
        if not (isinstance(error, OperationalError) or error.connection_invalidated):
            raise
        raise DatabaseError(f"database: {explain(error)}; see that it runs and has room") from error


def _was_in_the_way(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _IN_THE_WAY


def _repeatable(engine: Engine) -> Engine:
    """PostgreSQL would show each statement another state; a transaction of SQLite sees one anyhow."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")


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
