"""Migrations: up, down, at once from several sides, and databases that cannot be used."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, select, text

from orchestrator.attending import leases, picking
from orchestrator.attending.picking import Assignment
from orchestrator.boards.ambient import AmbientSource
from orchestrator.config import Settings
from orchestrator.db.accuracy_tables import DatasetRow
from orchestrator.db.migrate import current_revision, downgrade, open_migrated, upgrade
from orchestrator.db.session import Database, open_engine
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.errors import SpecError
from orchestrator.farm import open_farm
from tests.racing import at_once
from tests.small_farm import dump, plant, runs_of, set_columns, start_attempt

TABLES = {table.name for table in DatasetRow.metadata.sorted_tables}
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without tables, of each kind."""
    opened = Database(open_engine(empty_url))
    yield opened
    opened.engine.dispose()


def stored(database: Database) -> Rows:
    """Every row there is, whatever the revision, by table; a row is its values by column."""
    found = MetaData()
    found.reflect(database.engine)
    with database.engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
            for name, table in found.tables.items()
            if name != "alembic_version"
        }


def only(rows: Rows, like: Rows) -> Rows:
    """The rows without the tables and columns that `like` does not have."""
    return {
        name: [{key: value for key, value in row.items() if key in kept[0]} for row in rows[name]] if kept else []
        for name, kept in like.items()
    }


def table_names(database: Database) -> set[str]:
    """The tables there are, but Alembic's own."""
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def test_a_new_database_gets_every_table_and_says_its_revision(empty: Database) -> None:
    assert current_revision(empty) is None
    upgrade(empty)
    assert table_names(empty) == TABLES
    assert current_revision(empty) is not None


def test_migrating_again_changes_nothing(empty: Database) -> None:
    upgrade(empty)
    plant(empty)
    before, revision = dump(empty), current_revision(empty)
    upgrade(empty)
    assert (dump(empty), current_revision(empty)) == (before, revision)


def test_what_was_migrated_up_can_be_migrated_down_and_up_again(empty: Database) -> None:
    upgrade(empty)
    plant(empty)
    downgrade(empty, "base")
    assert table_names(empty) == set()
    upgrade(empty)
    assert table_names(empty) == TABLES
    plant(empty)


def test_each_revision_keeps_the_rows_of_the_one_before_on_the_way_up_and_down(empty: Database) -> None:
    """A farm with data goes down revision by revision, each up again once; what one adds is lost, nothing else is."""
    upgrade(empty)
    plant(empty)
    whole = stored(empty)
    for revision, above in reversed(list(pairwise(REVISIONS))):
        downgrade(empty, revision)
        assert current_revision(empty) == revision
        below = stored(empty)
        assert below and below == only(whole, below)
        upgrade(empty, above)
        assert current_revision(empty) == above
        assert only(stored(empty), below) == below
        downgrade(empty, revision)
    upgrade(empty)
    assert current_revision(empty) == REVISIONS[-1]
    assert only(stored(empty), below) == below


def test_a_farm_of_an_older_revision_works_on_after_its_upgrade(empty: Database) -> None:
    upgrade(empty)
    farm = plant(empty)
    downgrade(empty, REVISIONS[0])
    upgrade(empty)
    lease = leases.take(empty, farm.device_id, "worker")
    assert lease is not None
    assert isinstance(picking.open_next(empty, farm.device_id), Assignment)
    leases.release(empty, lease, None)
    assert leases.claim_due(empty) == [farm.device_id]


def test_the_migrations_build_what_the_models_say(empty: Database) -> None:
    upgrade(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, DatasetRow.metadata) == []


def test_the_migrations_build_the_same_indices_as_the_models(empty: Database, tmp_path: Path) -> None:
    """Autogenerate does not look at the conditions of partial indices; one open attempt per machine hangs on one."""
    upgrade(empty)
    engine = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    if empty.engine.dialect.name == engine.dialect.name:
        DatasetRow.metadata.create_all(engine)
        assert indices_of(empty) == indices_of(Database(engine))
    engine.dispose()
    assert {name for name, _ in indices_of(empty)} >= {
        "ix_attempts_one_open_per_device",
        "ix_attempts_one_open_per_machine",
    }


def indices_of(database: Database) -> list[tuple[str, str]]:
    """Each index by name, with its whole definition."""
    query = {
        "sqlite": "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix%'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix%'",
    }
    with database.engine.connect() as connection:
        rows = connection.execute(text(query[database.engine.dialect.name]))
        return sorted((str(name), str(definition)) for name, definition in rows)


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Database) -> None:
    with empty.write() as session:
        session.execute(text("CREATE TABLE runs (id INTEGER)"))
    with pytest.raises(SpecError, match=r"database: .*runs.*already exists; check PIFARM_DATABASE_URL"):
        upgrade(empty)
    assert table_names(empty) == {"runs"}
    assert current_revision(empty) is None


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty: Database) -> None:
    upgrade(empty)
    with empty.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SpecError, match=r"at revision 9999, which is newer.*update pifarm, or point PIFARM_HOME"):
        upgrade(empty)
    assert current_revision(empty) == "9999"
    assert table_names(empty) == TABLES


def test_many_that_open_a_new_database_at_once_all_find_it_ready(empty_url: str) -> None:
    def open_and_close(_: int) -> str | None:
        opened = open_migrated(empty_url)
        try:
            return current_revision(opened)
        finally:
            opened.engine.dispose()

    revisions = at_once(4, open_and_close)
    assert len(set(revisions)) == 1
    assert revisions[0] is not None


def test_many_that_open_a_new_farm_at_once_agree_on_its_identity(empty_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=empty_url)

    def identify(_: int) -> str:
        farm = open_farm(settings)
        farm.database.engine.dispose()
        return farm.farm_id

    identities = at_once(4, identify)
    assert len(set(identities)) == 1
    assert identify(0) == identities[0]


@pytest.mark.integration
def test_many_processes_that_open_a_new_farm_at_once_agree_on_its_identity(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from orchestrator.config import Settings; from orchestrator.farm import open_farm; "
        f"print(open_farm(Settings(home=Path({str(tmp_path)!r}))).farm_id)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(printed) == 1


def test_the_schema_of_sqlite_is_used_as_it_is_meant_to_be(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pifarm.db"
    opened = open_migrated(f"sqlite:///{path}")
    with opened.read() as session:
        settings = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "page_size")
        }
    opened.engine.dispose()
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30000, "page_size": 16384}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_read_session_stores_nothing(database: Database) -> None:
    before = dump(database)
    with database.read() as session:
        session.execute(text("INSERT INTO models (name, created_at_s) VALUES ('ghost', 0)"))
    assert dump(database) == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pifarm.db"
    path.write_bytes(b"a shopping list, not a database; milk, bread, honey" * 100)
    before = path.read_bytes()
    with pytest.raises(SpecError, match=r"database: .*not a database"):
        open_migrated(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_database_below_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpecError, match=r"cannot write .*file/pifarm\.db .*set PIFARM_HOME"):
        open_migrated(f"sqlite:///{tmp_path / 'file' / 'pifarm.db'}")


@pytest.mark.parametrize("url", ["nonsense", "oracle2://db/farm", "sqlite", "postgresql+nodriver://db/farm"])
def test_a_url_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(SpecError, match=r"database_url: expected e\.g\. sqlite:"):
        open_migrated(url)


def test_a_server_that_does_not_answer_is_bad_input_too(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="check PIFARM_DATABASE_URL"):
        open_migrated(f"postgresql+psycopg://postgres@/farm?host={tmp_path}")


def test_runs_of_before_get_the_labels_that_their_boards_still_have(empty: Database) -> None:
    upgrade(empty)
    farm = plant(empty, labels=("fp32", "int8"))
    set_columns(empty, DeviceRow, farm.device_id, labels={"cooling": "fan"})
    started = start_attempt(empty, farm.device_id)
    set_columns(empty, RunRow, started.run_id, ambient_c=24.0)
    downgrade(empty, "0006")
    upgrade(empty)
    runs = {run.id: run for run in runs_of(empty, farm.study_id)}
    run, (waiting,) = runs.pop(started.run_id), runs.values()
    assert (run.labels, run.ambient_c, run.ambient_source) == ({"cooling": "fan"}, 24.0, AmbientSource.SENSOR)
    assert (waiting.labels, waiting.ambient_source) == (None, None)
