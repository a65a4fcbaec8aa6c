"""Databases for the core's tests: SQLite for all, and a real PostgreSQL for what depends on the database."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from orchestrator.config import Settings
from orchestrator.db.accuracy_tables import DatasetRow
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.farm import Farm
from tests.orchestrator.yard import Yard
from tests.pretended_board import PretendedBoard
from tests.servers import postgres_server
from tests.small_farm import BUNDLE_HASH, MANIFEST, MODEL_BYTES, add_model

_numbers = count()
_TABLES = [table.name for table in reversed(DatasetRow.metadata.sorted_tables)]
_DELETES = [f"DELETE FROM {name}" for name in _TABLES]
_EMPTY = {
    "sqlite": _DELETES,
    # One statement; TRUNCATE takes eight times as long, as it makes a new file for each table and index.
    "postgresql": [
        f"""
        DO $$
        DECLARE numbers text;
        BEGIN
            {"; ".join(_DELETES)};
            FOR numbers IN SELECT sequencename FROM pg_sequences LOOP
                EXECUTE 'ALTER SEQUENCE ' || numbers || ' RESTART';
            END LOOP;
        END $$
        """
    ],
}


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated SQLite database in a file, shared by tests: with its engine they share its compiled statements."""
    opened = open_migrated(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'pifarm.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """A migrated SQLite database without rows."""
    return _emptied(sqlite_database)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests of this process."""
    with postgres_server("not a secret") as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """A migrated PostgreSQL database that tests share; each begins by emptying it."""
    opened = open_migrated(postgres_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> Database:
    """A migrated database without rows, once of each kind. Rows are numbered from 1 again."""
    shared: Database = request.getfixturevalue(f"{request.param}_database")
    return _emptied(shared)


def _emptied(shared: Database) -> Database:
    statements = _EMPTY[shared.engine.dialect.name]
    with shared.write() as session:
        connection = session.connection()
        for statement in statements:
            connection.exec_driver_sql(statement)  # as it is: compiling takes longer than deleting nothing
    return shared


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'pifarm.db'}"
        return
    server_url, name = request.getfixturevalue("postgres_url"), f"farm_{next(_numbers)}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def yard(database: Database, tmp_path: Path) -> Yard:
    """A farm with a model of two variants, whose files and bundle lie in its state home, and no device."""
    settings = Settings(home=tmp_path / "home")
    blob = settings.artifacts_dir / "blobs" / str(MANIFEST["files"][0]["sha256"])  # type: ignore[index]  # a list
    for path, content in ((blob, MODEL_BYTES), (settings.bundles_dir / f"{BUNDLE_HASH}.pyz", b"bundle")):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    add_model(database)
    return Yard(farm=Farm(settings=settings, database=database, farm_id="farm-1"))


@pytest.fixture
def board(yard: Yard) -> Iterator[PretendedBoard]:
    """The only board of a yard; whatever a test does, nobody may speak to it while it measures, unless it says so."""
    added = yard.add_board()
    yield added
