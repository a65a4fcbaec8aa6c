"""Page Run while the run lasts: how it stands, its curve so far, and the figures once it has ended."""

import pytest
from sqlalchemy import select

from orchestrator.attending.lifecycle import AttemptState, RunState
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of

pytestmark = pytest.mark.integration


@pytest.fixture
def soaking(database: Database) -> str:
    """A soak that has been measuring for two minutes, of which one has come."""
    factories.add_device(database)
    factories.add_model(database, labels=("fp32",))
    return factories.begin_soak(database)


def test_a_running_soak_shows_how_it_stands_and_its_curve_so_far(
    open_page: OpenPage, database: Database, soaking: str
) -> None:
    factories.change_run(database, soaking, ambient_c=25.0, ambient_source=AmbientSource.TYPED)
    app = open_page("run", run=soaking)
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Phase"], shown["Temperature"], shown["Latency"]) == ("Measuring", "52.5 °C", "500 ms")
    assert shown["Left"] not in ("n/a", "0 ms")
    assert shown["Newest values"].endswith("ago")
    assert "Latency and the board, on one time axis" in text_of(app)
    assert "asked once a minute" in text_of(app)
    assert "Room 25.0 °C, typed in." in text_of(app)


def test_a_run_that_lasts_longer_than_was_thought_ends_any_moment(
    open_page: OpenPage, database: Database, soaking: str
) -> None:
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow)).one()
        attempt.started_at_s = attempt.opened_at_s - 100_000.0
    shown = {metric.label: metric.value for metric in open_page("run", run=soaking).metric}
    assert shown["Left"] == "any moment"


def test_once_it_has_ended_the_page_shows_its_figures(open_page: OpenPage, database: Database, soaking: str) -> None:
    with database.write() as session:
        row = session.get_one(RunRow, soaking)
        row.state, row.counted_attempt, row.samples, row.median_ns = RunState.DONE, 1, 120, 500e6
        session.scalars(select(AttemptRow)).one().state = AttemptState.ENDED
    shown = {metric.label: metric.value for metric in open_page("run", run=soaking).metric}
    assert (shown["Median"], "Phase" in shown) == ("500 ms", False)


def test_a_run_whose_attempt_has_not_begun_says_so(open_page: OpenPage, database: Database, soaking: str) -> None:
    with database.write() as session:
        session.scalars(select(AttemptRow)).one().state = AttemptState.STAGING
    assert "It is being brought to its board." in text_of(open_page("run", run=soaking))
