"""A board that writes what it likes: nothing but a refusal comes of it, and no figure that is none.

Run it long with: pytest tests/orchestrator/attending/test_hostile_journals.py --hypothesis-profile=long
"""

import json
import math
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire.codec import WireError
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import get_run, run_series
from tests.orchestrator.hostile_journals import EVALUATED, FEW, HOSTILE, JOURNAL, absurd, poisoned, reordered, unlikely
from tests.orchestrator.known_run import (
    ATTEMPT,
    RUN,
    bring,
    bring_and_settle,
    ingested_rows,
    remember,
    restore,
    start_known_run,
)
from tests.small_farm import get_attempt
from tests.small_farm import get_run as read_row

Fresh = Callable[[], Database]
_FIGURES = [column.name for column in RunRow.__table__.columns if column.name.endswith(("_ns", "_s", "_c", "_j"))]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """Gives a database whose one attempt has just been started, as often as an example wants it."""
    database = start_known_run(open_migrated(f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'pifarm.db'}"))
    rows = remember(database)

    def start_anew() -> Database:
        restore(database, rows)
        return database

    yield start_anew
    database.engine.dispose()


def is_refused(bring_it: Callable[[Database, bytes], object], database: Database, data: bytes) -> bool:
    """Whether the journal is refused; any other failure than that is the test's."""
    try:
        bring_it(database, data)
    except WireError:
        return True
    return False


@FEW
@given(HOSTILE)
def test_a_hostile_journal_is_taken_whole_or_leaves_no_row(fresh: Fresh, data: bytes) -> None:
    database = fresh()
    before = ingested_rows(database)
    if is_refused(bring, database, data):
        assert ingested_rows(database) == before


@FEW
@given(data=st.one_of(HOSTILE, reordered(), poisoned()), cuts=st.lists(st.floats(0, 1), max_size=4))
def test_in_slices_the_same_is_taken_and_the_same_is_refused(fresh: Fresh, data: bytes, cuts: list[float]) -> None:
    database = fresh()
    refused_at_once = is_refused(bring, database, data)
    rows_at_once = ingested_rows(database)
    database, refused = fresh(), False
    for cut in [*sorted(int(cut * len(data)) for cut in cuts), len(data)]:
        cursor = get_attempt(database, ATTEMPT).cursor_byte
        refused = refused or is_refused(bring, database, data[cursor : max(cut, cursor)])
    assert refused is refused_at_once
    assert refused or ingested_rows(database) == rows_at_once


@FEW
@given(st.one_of(absurd(), HOSTILE))
def test_whatever_is_taken_comes_to_figures_that_are_finite_or_none(fresh: Fresh, data: bytes) -> None:
    database = fresh()
    if is_refused(bring_and_settle, database, data):
        assert get_attempt(database, ATTEMPT).cursor_byte == 0
        return
    row = read_row(database, RUN)
    for name in _FIGURES:
        value = getattr(row, name)
        assert value is None or math.isfinite(value), name
    json.dumps(row.reasons, allow_nan=False)
    view, board = get_run(database, RUN), leaderboard(database)
    assert view.run == RUN and len(run_series(database, RUN).start_s) >= (view.samples or 0)
    assert all(math.isfinite(ranked.median_ms) for ranked in board.rows)


@pytest.fixture
def fresh_each(each_database: Database) -> Fresh:
    """The same, of each kind of database."""
    rows = remember(start_known_run(each_database))

    def start_anew() -> Database:
        restore(each_database, rows)
        return each_database

    return start_anew


@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.one_of(absurd(), unlikely(), poisoned()))
def test_each_database_stores_whatever_is_taken(fresh_each: Fresh, data: bytes) -> None:
    database = fresh_each()
    if not is_refused(bring_and_settle, database, data):
        assert get_run(database, RUN).run == RUN
        leaderboard(database)


def test_a_journal_without_a_fault_is_not_refused(fresh: Fresh) -> None:
    assert not is_refused(bring_and_settle, fresh(), JOURNAL)


def test_answers_to_a_data_set_that_nobody_asked_about_are_no_result(fresh: Fresh) -> None:
    assert not is_refused(bring, fresh(), EVALUATED)
    assert is_refused(bring_and_settle, fresh(), EVALUATED)


@FEW
@given(absurd())
def test_absurd_figures_in_their_order_are_data(fresh: Fresh, data: bytes) -> None:
    assert not is_refused(bring_and_settle, fresh(), data)
