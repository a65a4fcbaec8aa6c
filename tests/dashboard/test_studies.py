"""Page Studies: the queue, one study in full, and what an operator may do with it."""

import pytest
from streamlit.testing.v1 import AppTest

from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.protocols import preset
from orchestrator.queries.audit import list_audit
from orchestrator.queries.studies import get_study
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of
from tests.dashboard.test_farm import change_device

pytestmark = pytest.mark.integration


@pytest.fixture
def study(database: Database) -> int:
    """A study of which half is measured, and whose device is at work on the next run."""
    factories.add_device(database)
    factories.add_model(database)
    number = factories.add_study(database)
    factories.measure(database, number, {"fp32": 100.0})
    run = factories.run_ids(database, number, label="int8")[0]
    factories.change_run(database, run, state=RunState.RUNNING)
    change_device(database, "pi5-1", last_phase="window", last_temperature_c=58.5, last_seen_at_s=now_s() - 20)
    return number


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception, app.exception


def test_an_empty_farm_is_told_how_to_submit(open_page: OpenPage) -> None:
    assert "pifarm submit" in text_of(open_page("studies"))


def test_a_first_visit_offers_a_study_and_queues_it(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    app = open_page("studies")

    press(app, "first-study")

    study = get_study(database, 1)
    assert (study.model, study.devices, study.total) == ("digits-cnn", ("pi5-1",), 2 * preset("demo").blocks)


def test_runs_that_nobody_looks_after_are_told_with_the_remedy(
    database: Database, open_page: OpenPage, study: int
) -> None:
    change_device(database, "pi5-1", next_attention_at_s=now_s() - 90)

    text = text_of(open_page("studies"))

    assert "nobody has looked after their boards for 1 min" in text and "pifarm up" in text


def test_the_queue_shows_what_goes_on_and_every_study(open_page: OpenPage, study: int) -> None:
    app = open_page("studies")

    assert "1 run being measured, 2 waiting" in text_of(app)
    assert "3 of 6 runs" in str(app.progress[0].text).replace("\\", "")
    assert list(app.dataframe[0].value["Study"]) == [study]


def test_a_study_that_is_linked_shows_run_phase_and_the_age_of_its_temperature(open_page: OpenPage, study: int) -> None:
    text = text_of(open_page("studies", study=str(study)))

    assert "yolov9-c/int8@onnxruntime,t4, window" in text
    assert "58.5 °C, 20 s ago" in text
    assert "left here" in text


def test_a_board_that_works_for_another_study_is_not_shown_as_at_work_on_this_one(
    database: Database, open_page: OpenPage, study: int
) -> None:
    later = factories.add_study(database)

    text = text_of(open_page("studies", study=str(later)))

    assert f"Works for study {study}: runs of this one wait" in text
    assert "int8@onnxruntime,t4, window" not in text


def test_an_operator_cancels_a_study_and_queues_it_again(database: Database, open_page: OpenPage, study: int) -> None:
    app = open_page("studies", study=str(study))

    press(app, "cancel")
    assert get_study(database, study).state is StudyState.CANCELLED
    press(app, "retry")

    assert get_study(database, study).state is StudyState.ACTIVE
    assert [line.action for line in list_audit(database)] == ["study retry", "study cancel"]


def test_an_operator_moves_a_study_before_others(database: Database, open_page: OpenPage, study: int) -> None:
    app = open_page("studies", study=str(study))

    app.number_input[0].set_value(7)
    press(app, "prioritise")

    assert get_study(database, study).priority == 7


def test_a_viewer_finds_every_button_grey(
    database: Database, open_page: OpenPage, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIFARM_DASHBOARD_ACCESS", "read-only")
    app = open_page("studies", study=str(study))

    assert app.button and all(button.disabled for button in app.button)
