"""Sessions: what is seen, what is tried again, what is said when a database is away, and never its password."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from orchestrator import broker
from orchestrator.config import Settings, load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.model_tables import ModelRow
from orchestrator.db.session import MAX_TRIES, Database, open_engine
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import DatabaseError, SpecError, masked
from tests.racing import at_once
from tests.small_farm import add_device, add_model, get_device

SECRET = "correct-horse"


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Database:
    """A PostgreSQL, for what SQLite cannot suffer."""
    database: Database = request.getfixturevalue("postgres_database")
    return database


@pytest.fixture
def out_of_reach(tmp_path: Path) -> Iterator[Database]:
    """A database whose server does not run."""
    opened = Database(open_engine(f"postgresql+psycopg://farm:{SECRET}@/farm?host={tmp_path}"))
    yield opened
    opened.engine.dispose()


def count_models(session: Session) -> int:
    """How many models a session sees."""
    return session.scalar(select(func.count()).select_from(ModelRow)) or 0


def test_a_reading_session_sees_one_state_whatever_others_store(database: Database) -> None:
    with database.read() as session:
        before = count_models(session)
        add_model(database, "new", labels=["a"])
        assert count_models(session) == before
    with database.read() as session:
        assert count_models(session) == before + 1


def test_as_many_threads_as_were_announced_have_a_connection_each(empty_url: str) -> None:
    opened = Database(open_engine(empty_url, threads=20))
    everybody_is_in = threading.Barrier(20, timeout=20.0)

    def look(_: int) -> int | None:
        with opened.read() as session:
            session.execute(text("SELECT 1"))
            return everybody_is_in.wait()

    assert len(at_once(20, look)) == 20
    opened.engine.dispose()


def test_work_is_done_again_when_somebody_stored_the_same_row(database: Database) -> None:
    tries: list[int] = []

    def add(session: Session) -> int:
        tries.append(len(tries))
        if len(tries) < MAX_TRIES:
            session.add_all([ModelRow(name="same"), ModelRow(name="same")])
            session.flush()
        return len(tries)

    assert database.retried(add) == MAX_TRIES
    with database.read() as session:
        assert count_models(session) == 0


def test_work_that_is_always_in_the_way_is_given_up(database: Database) -> None:
    tries: list[int] = []

    def add(session: Session) -> None:
        tries.append(len(tries))
        session.add_all([ModelRow(name="same"), ModelRow(name="same")])

    with pytest.raises(IntegrityError):
        database.retried(add)
    assert len(tries) == MAX_TRIES


@pytest.mark.postgres
def test_two_that_lock_each_other_out_both_get_their_turn(postgres: Database) -> None:
    with postgres.write() as session:
        session.execute(text("DELETE FROM devices"))
    ids = [add_device(postgres, "a"), add_device(postgres, "b")]
    both_hold_one = threading.Barrier(2, timeout=20.0)
    tries: list[int] = []

    def add_to_both(index: int) -> None:
        def work(session: Session) -> None:
            tries.append(index)
            for place, device_id in enumerate(ids if index else reversed(ids)):
                session.get_one(DeviceRow, device_id, with_for_update=True).faults_in_row += 1
                session.flush()
                if place == 0 and tries.count(index) == 1:
                    both_hold_one.wait()

        postgres.retried(work)

    at_once(2, add_to_both)
    assert len(tries) == 3
    assert [get_device(postgres, device_id).faults_in_row for device_id in ids] == [2, 2]


@pytest.mark.postgres
def test_a_connection_that_was_cut_meanwhile_is_replaced(postgres: Database) -> None:
    with postgres.read() as session:
        session.execute(text("SELECT 1"))
    cut_connections(postgres)
    with postgres.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


@pytest.mark.postgres
def test_a_transaction_that_is_cut_stores_nothing_and_says_so(postgres: Database) -> None:
    with pytest.raises(DatabaseError, match=r"^database: .*; see that it runs and has"), postgres.write() as session:
        session.add(ModelRow(name="never stored"))
        session.flush()
        cut_connections(postgres)
    with postgres.read() as session:
        assert session.scalar(select(ModelRow.id).where(ModelRow.name == "never stored")) is None


@pytest.mark.postgres
def test_patient_work_outlives_a_connection_that_is_cut(postgres: Database) -> None:
    tries: list[int] = []

    def work(session: Session) -> str:
        session.execute(text("SELECT 1"))
        tries.append(len(tries))
        if len(tries) == 1:
            cut_connections(postgres)
        return str(session.scalar(text("SELECT 'done'")))

    assert postgres.patiently(work) == "done"
    assert len(tries) == 2


def cut_connections(database: Database) -> None:
    """End every connection to a PostgreSQL but the one that asks for it."""
    other = Database(open_engine(database.engine.url.render_as_string(hide_password=False)))
    ours = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
    with other.write() as session:
        session.execute(text(f"{ours} AND pid <> pg_backend_pid()"))
    other.engine.dispose()


def test_patience_ends(out_of_reach: Database) -> None:
    with pytest.raises(DatabaseError):
        out_of_reach.patiently(count_models, patience_s=0.0)


def test_a_database_that_is_away_is_told_without_its_password(out_of_reach: Database) -> None:
    for act in (out_of_reach.read, out_of_reach.write):
        with pytest.raises(DatabaseError) as told, act() as session:
            session.execute(text("SELECT 1"))
        assert SECRET not in str(told.value)
        assert "database: " in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://farm:{SECRET}@127.0.0.1:1/farm",
        f"postgresql+psycopg://farm:{SECRET}@127.0.0.1:none/farm",
        f"postgresql+psycopg://farm:p@{SECRET}@127.0.0.1:1/farm",
        f"postgresql+psycopg://farm:{SECRET}@@/farm",
        f"postgresql+psycopg://farm@127.0.0.1:1/farm?password={SECRET}",
        f"postgresql+psycopg://farm:{SECRET}@127.0.0.1:1/farm?no_such_option={SECRET}@",
        f"oracle2://farm:{SECRET}@db/farm",
        f"nonsense://farm:{SECRET}@db",
    ],
)
def test_whatever_is_wrong_with_a_database_url_its_password_is_not_told(url: str) -> None:
    with pytest.raises(SpecError) as told:
        open_migrated(url)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@127.0.0.1:none/0",
        f"redis://:pass/{SECRET}@127.0.0.1:1/0",
        f"redis://:1/{SECRET}@127.0.0.1:1/0",
        f"redis://farm:pass#{SECRET}@127.0.0.1:1/0",
        f"redis://:{SECRET}@127.0.0.1:1/0",
        f"redis://127.0.0.1:1/0?password={SECRET}",
        f"redis+socket://:{SECRET}@/nowhere/broker.sock",
        f"amqp://farm:{SECRET}@127.0.0.1:1",
        f"farm:{SECRET}@broker",
    ],
)
def test_whatever_is_wrong_with_a_broker_url_its_password_is_not_told(url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url=url)
    with pytest.raises(SpecError) as told:
        broker.require_answering(settings)
    assert SECRET not in str(told.value)
    assert SECRET not in repr(settings)


def test_a_settings_file_with_a_mistake_is_told_without_its_passwords(tmp_path: Path) -> None:
    (tmp_path / "pifarm.toml").write_text(f'databse_url = "postgresql+psycopg://farm:{SECRET}@db/farm"\n')
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIFARM_HOME", str(tmp_path))
        with pytest.raises(SpecError, match="databse_url") as told:
            load_settings()
    assert SECRET not in str(told.value)


PASSWORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(PASSWORDS, st.sampled_from(["redis", "rediss", "postgresql+psycopg"]), st.sampled_from(["", "farm", "a.b"]))
def test_no_password_survives_masking(password: str, scheme: str, user: str) -> None:
    text = f"cannot use {scheme}://{user}:<{password}>@host:1/0 now"
    assert masked(text) == f"cannot use {scheme}://{user}:***@host:1/0 now"
