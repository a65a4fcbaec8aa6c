"""Brings a database to this version of the schema, or says why not.

Idempotent, and safe when several processes start at once: whoever comes second waits and finds nothing to do.
"""

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.db.session import DEFAULT_THREADS, Database, explain, open_engine
from orchestrator.errors import InternalError, SpecError

_POSTGRES_LOCK = 0x70696661726D
_LATEST = "head"


def open_migrated(database_url: str, threads: int = DEFAULT_THREADS) -> Database:
    """The database at a URL, at this version's schema; raises `SpecError` if it is newer or cannot be opened."""
    database = Database(open_engine(database_url, threads))
    try:
        upgrade(database)
    except BaseException:
        database.engine.dispose()
        raise
    return database


def upgrade(database: Database, revision: str = _LATEST) -> None:
    """Migrate up to `revision`; nothing happens where it is there already."""
    try:
        with (
            database.engine.execution_options(pifarm_writes=True).connect() as connection,
            connection.begin(),
        ):
            _wait_for_others(connection)
            here = _require_known(connection)
            if revision == _LATEST and here == _scripts().get_current_head():
                return
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except SQLAlchemyError as error:
        raise SpecError(f"database: {explain(error)}; check PIFARM_DATABASE_URL") from error


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to `revision` ("base" empties the schema)."""
    config = _config()
    with database.engine.execution_options(pifarm_writes=True).connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def current_revision(database: Database) -> str | None:
    """The revision that a database is at; None when it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Whether this pifarm knows a revision, so that a database at it can be brought to this version's schema."""
    return revision in _known()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # a migration takes what it takes
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})


@functools.cache
def _scripts() -> ScriptDirectory:
    """The migrations of this version, read once in a process."""
    return ScriptDirectory.from_config(_config())


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _require_known(connection: Connection) -> str | None:
    """The revision that a database is at; raises `SpecError` where it is not one of this version's."""
    here = MigrationContext.configure(connection).get_current_revision()
    known = _known()
    if not known:
        raise InternalError("migrations: none found; the installation is damaged, run `make setup` again")
    if here is not None and here not in known:
        raise SpecError(
            f"database: it is at revision {here}, which is newer than this pifarm knows "
            f"(newest: {_scripts().get_current_head()}); update pifarm, or point PIFARM_HOME to another folder"
        )
    return here
