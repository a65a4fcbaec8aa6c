"""Page Submit: from files to a queued study, with the plan before it and errors beside their fields."""

import pytest
from streamlit.testing.v1 import AppTest

from orchestrator.db.session import Database
from orchestrator.queries.audit import list_audit
from orchestrator.queries.models import list_models
from orchestrator.queries.studies import get_study
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of
from tests.dashboard.test_uploads import demo_file

pytestmark = pytest.mark.integration


@pytest.fixture
def page(database: Database, open_page: OpenPage) -> AppTest:
    """The page of a farm with two devices and a model."""
    factories.add_device(database, "pi5-1", labels={"cooling": "fan"})
    factories.add_device(database, "pi5-2", labels={"cooling": "bare"})
    factories.add_model(database)
    return open_page("submit")


def test_a_farm_without_a_model_asks_for_one(open_page: OpenPage) -> None:
    app = open_page("submit")

    assert "pifarm model add" in text_of(app)
    assert [uploader.label for uploader in app.file_uploader] == ["Files, one or more for each variant"]


def test_a_model_is_read_shown_and_added(database: Database, open_page: OpenPage) -> None:
    app = open_page("submit")
    file = demo_file(".onnx")

    app.file_uploader[0].set_value((file.name, file.content, "application/octet-stream")).run()
    facts = app.dataframe[0].value.iloc[0]
    app.text_input(key="model-name").set_value("digits-of-mine").run()
    app.button(key="add-model").click().run()

    assert (facts["Format"], "MFLOP" in facts["Work an inference"]) == ("onnx", True)
    assert [model.model for model in list_models(database)] == ["digits-of-mine"]
    assert list_audit(database)[0].target == "digits-of-mine: digits"


def test_a_model_that_was_added_is_chosen_and_its_files_are_gone(page: AppTest) -> None:
    file = demo_file(".onnx")
    page.file_uploader[0].set_value((file.name, file.content, "application/octet-stream")).run()
    page.text_input(key="model-name").set_value("digits-of-mine").run()

    page.button(key="add-model").click().run()

    assert page.selectbox(key="model").value == "digits-of-mine"
    assert page.file_uploader[0].value == []
    assert "add-model" not in [button.key for button in page.button]


def test_a_file_that_is_no_model_is_explained_and_cannot_be_added(open_page: OpenPage) -> None:
    app = open_page("submit")

    app.file_uploader[0].set_value(("holiday.onnx", b"\xff\xd8\xff\xe0" * 50, "image/jpeg")).run()

    assert "holiday.onnx" in text_of(app)
    assert "add-model" not in [button.key for button in app.button]


def test_the_plan_stands_before_the_button_and_follows_the_choices(database: Database, page: AppTest) -> None:
    assert page.button(key="queue").label == "Queue 20 runs"
    page.multiselect(key="where").set_value(["cooling=fan"])
    page.multiselect(key="variants").set_value(["int8"])
    page.text_input(key="threads").set_value("1,4").run()

    assert "2 variants x 1 device x 5 blocks, done in about" in text_of(page)
    page.button(key="queue").click().run()

    study = get_study(database, 1)
    assert (study.devices, study.total) == (("pi5-1",), 10)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("threads", "four", "threads: expected whole numbers like 1,4"),
        ("threads", "65", "threads: expected 1..64, got 65"),
    ],
)
def test_a_wrong_choice_is_told_and_nothing_can_be_queued(page: AppTest, key: str, value: str, complaint: str) -> None:
    page.text_input(key=key).set_value(value).run()

    assert complaint in text_of(page)
    assert "queue" not in [button.key for button in page.button]


def test_labels_that_no_chosen_device_has_are_told_beside_them(page: AppTest) -> None:
    page.multiselect(key="devices").set_value(["pi5-2"])
    page.multiselect(key="where").set_value(["cooling=fan"]).run()

    assert "no device has that" in text_of(page)
