"""Page Run: figures with what may explain them."""

import pytest
from streamlit.testing.v1 import AppTest

from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.session import Database
from tests import factories
from tests.dashboard.conftest import OpenPage, enter_app, farm_at, open_section, text_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> AppTest:
    """The page of a valid run on a real board, for tests that only read."""
    with farm_at(tmp_path_factory.mktemp("farm")) as filled:
        open_page = enter_app()
        study = factories.fill(filled).study
        return open_page("run", run=factories.run_ids(filled, study, label="int8", device="pi5-1")[0])


@pytest.fixture
def runs(database: Database) -> list[str]:
    """Runs of a real Pi 5: three blocks of fp32 and int8."""
    return factories.run_ids(database, factories.fill(database).study, device="pi5-1")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_a_farm_without_runs_is_told_how_to_get_one(open_page: OpenPage) -> None:
    assert "pifarm submit" in text_of(open_page("run"))


def test_a_link_opens_its_run(seen: AppTest) -> None:
    text = text_of(seen)

    assert "yolov9-c/int8@onnxruntime,t4" in text
    assert f"run {seen.query_params['run']}" in text
    assert "6 of 6 blocks done" in text
    assert figures(seen)["Inferences"] == "40"
    assert figures(seen)["Median"].endswith(" ms")
    assert figures(seen)["p99"] == "n/a"


def test_without_a_link_the_newest_run_with_a_result_is_shown(open_page: OpenPage, runs: list[str]) -> None:
    assert figures(open_page("run"))["Inferences"] == "40"


def test_an_unknown_run_is_named_and_another_can_be_picked(open_page: OpenPage, runs: list[str]) -> None:
    app = open_page("run", run="nonsense")
    assert "run: 'nonsense' is unknown" in text_of(app)

    app.selectbox[0].set_value(runs[0]).run()

    assert app.query_params["run"] == runs[0]
    assert f"run {runs[0]}" in text_of(app)


def test_neighbours_in_the_block_are_a_click_away(open_page: OpenPage, runs: list[str]) -> None:
    app = open_page("run", run=runs[0])
    previous, following = app.button
    assert (previous.disabled, following.disabled) == (True, False)

    following.click().run()

    assert app.query_params["run"] == runs[1]
    assert "yolov9-c/int8@onnxruntime,t4" in text_of(app)


def test_absent_sensors_are_said(seen: AppTest) -> None:
    text = text_of(seen)

    assert "Not measured on this device: fan speed, power." in text
    assert "Absent on this board: power_w, fan_rpm." in text


def test_a_verdict_comes_with_its_reasons_and_what_to_do(
    database: Database, open_page: OpenPage, runs: list[str]
) -> None:
    reasons = [
        {"code": "load-foreign", "severity": "suspect", "text": "load-foreign: 3 % of the cores; stop what else runs"},
        {"code": "sensor-missing", "severity": "note", "text": "sensor-missing: no fan; nothing to do"},
    ]
    factories.change_run(database, runs[0], verdict=Verdict.SUSPECT, reasons=reasons)

    app = open_page("run", run=runs[0])

    (warning,) = app.warning
    assert "**Suspect**" in warning.value
    assert "stop what else runs" in warning.value
    assert "no fan" not in warning.value
    assert any("What could not be checked here (1)" in each.label for each in app.expander)


def test_a_valid_run_says_that_nothing_objects(seen: AppTest) -> None:
    assert "No rule objects to this run." in text_of(seen)


def test_a_simulated_run_is_marked(database: Database, open_page: OpenPage, runs: list[str], seen: AppTest) -> None:
    simulated = factories.run_ids(database, 1, device="pi5-sim")[0]

    assert "SIMULATED" in text_of(open_page("run", run=simulated))
    assert "SIMULATED" not in text_of(seen)


def test_a_failed_run_says_why(database: Database, open_page: OpenPage, runs: list[str]) -> None:
    failed = {"state": RunState.FAILED, "verdict": None, "samples": None, "code": "model-load", "message": "opset 99"}
    factories.change_run(database, runs[0], **failed)

    app = open_page("run", run=runs[0])

    assert "model-load: opset 99" in text_of(app)
    assert not app.metric


def test_a_run_that_waits_says_so(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database)

    assert "It has not been started yet." in text_of(open_page("run", run=factories.run_ids(database, study)[0]))


def test_the_gate_can_be_shown_too(open_page: OpenPage, runs: list[str]) -> None:
    app = open_page("run", run=runs[0])

    app.toggle(key="whole").set_value(True).run()

    assert not app.exception


def test_environment_attempts_and_raw_data_are_there_once_their_tab_is_open(
    open_page: OpenPage, runs: list[str]
) -> None:
    app = open_page("run", run=runs[0])
    (environment,) = (table.value for table in app.dataframe)
    open_section(app, "details", "Attempts")
    (attempts,) = (table.value for table in app.dataframe)
    open_section(app, "details", "Raw data")

    assert [button.label for button in app.download_button] == ["Inferences as CSV", "Telemetry as CSV"]
    assert list(environment.loc[environment["Fact"] == "governor", "Value"]) == ["performance"]
    assert list(attempts["Counts"]) == ["yes"]
    assert "window" in attempts["Phases, since the claim"][0]


def test_a_run_in_the_link_is_set_against_this_one(open_page: OpenPage, runs: list[str]) -> None:
    app = open_page("run", run=runs[0], against=runs[1])

    assert f"{runs[0]} and {runs[1]}: they can be compared" in text_of(app)
    assert [each.label for each in app.expander][-1] == "Detail: 4"
