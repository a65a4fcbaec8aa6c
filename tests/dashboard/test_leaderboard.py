"""Page Leaderboard: the answer first, its doubts beside it, filters that a link restores."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import StudyRow
from tests import factories
from tests.dashboard.conftest import OpenPage, enter_app, farm_at, open_section, text_of
from tests.small_farm import set_columns
from tests.soaks import two_regimes

pytestmark = pytest.mark.integration

WINNER = "int8@onnxruntime,t4 is fastest"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> AppTest:
    """The page of a farm with a finished study, for tests that only read."""
    with farm_at(tmp_path_factory.mktemp("farm")) as filled:
        open_page = enter_app()
        factories.fill(filled)
        return open_page()


def variants(app: AppTest, table: int = 0) -> list[str]:
    return list(app.dataframe[table].value["Variant"])


def links(app: AppTest) -> list[str]:
    return [str(link.value).replace("\\", "") for link in app.page_link]


def test_an_empty_farm_is_told_the_next_commands(open_page: OpenPage) -> None:
    text = text_of(open_page())

    for command in ("pifarm demo", "pifarm device add", "pifarm model add", "pifarm submit"):
        assert command in text


def test_a_farm_with_devices_is_not_told_to_add_one(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)

    text = text_of(open_page())

    assert "pifarm submit" in text
    assert "pifarm device add" not in text


def test_a_finished_study_is_ranked_with_the_answer_above_the_table(seen: AppTest) -> None:
    assert WINNER in text_of(seen)
    assert variants(seen) == ["int8@onnxruntime,t4", "fp32@onnxruntime,t4"]
    assert list(seen.dataframe[0].value["mAP50, declared"]) == [0.68, 0.70]


def test_simulated_boards_have_a_group_and_a_badge_of_their_own(seen: AppTest) -> None:
    assert len(seen.subheader) == 2
    assert text_of(seen).count("SIMULATED") == 1
    assert set(seen.dataframe[1].value["Mark"]) == {"SIMULATED"}
    assert "Mark" not in seen.dataframe[0].value


def test_a_provisional_protocol_is_marked(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.measure(database, factories.add_study(database, protocol="quick"), {"fp32": 100.0, "int8": 70.0})

    app = open_page()

    assert "PROVISIONAL" in text_of(app)
    assert set(app.dataframe[0].value["Mark"]) == {"PROVISIONAL"}


def test_a_tie_shows_in_the_ranks(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.measure(database, factories.add_study(database), {"fp32": 100.0, "int8": 100.0}, cv=0.05)

    app = open_page()

    assert "told apart" in text_of(app)
    assert list(app.dataframe[0].value["Rank"]) == [1.5, 1.5]


def test_a_link_restores_the_filters(database: Database, open_page: OpenPage) -> None:
    two_boards(database)

    app = open_page(board="pi4b", device="pi4-1")

    assert [header.value.replace("\\", "") for header in app.subheader] == ["yolov9-c on pi4b"]
    assert app.pills(key="board").value == "pi4b"
    assert app.selectbox(key="device").value == "pi4-1"


def test_a_filter_leaves_its_board_alone(database: Database, open_page: OpenPage) -> None:
    two_boards(database)
    app = open_page()
    assert len(app.subheader) == 2

    app.pills(key="board").set_value("pi5").run()

    assert [header.value.replace("\\", "") for header in app.subheader] == ["yolov9-c on pi5"]


def test_a_link_with_an_unknown_filter_shows_everything(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)

    assert WINNER in text_of(open_page(board="pi9", study="99"))


def test_a_study_that_is_chosen_says_what_it_is(database: Database, open_page: OpenPage) -> None:
    study = factories.fill(database).study

    app = open_page(study=str(study))

    assert f"Study {study}: yolov9-c, standard protocol, 6 of 6 blocks done, 12 of 12 runs done." in text_of(app)


def test_a_study_that_goes_on_until_it_is_narrow_says_how_narrow_it_is(database: Database, open_page: OpenPage) -> None:
    study = factories.fill(database).study
    set_columns(database, StudyRow, study, until_ci=0.01, max_blocks=9)

    text = text_of(open_page(study=str(study)))

    assert "within ±1.00%, at most 9 on a device" in text
    assert "pi5-1: ±" in text and "of 3 blocks" in text


@pytest.mark.parametrize(("blocks", "is_there"), [(1, False), (3, True)])
def test_a_p90_has_its_interval_where_there_is_one(
    database: Database, open_page: OpenPage, blocks: int, is_there: bool
) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.measure(database, factories.add_study(database, blocks=blocks), {"fp32": 100.0, "int8": 70.0})

    table = open_page().dataframe[0].value

    assert ("p90, 95 %" in table) is is_there
    if is_there:
        low, high = map(float, re.findall(r"[\d.]+", table["p90, 95 %"][0]))
        assert low < table["p90"][0] < high


def test_filters_that_leave_nothing_say_so(database: Database, open_page: OpenPage) -> None:
    study = factories.fill(database).study
    factories.add_device(database, "pi5-idle")

    assert "No result matches these filters" in text_of(open_page(device="pi5-idle", study=str(study)))


def test_the_runs_of_the_leader_are_a_click_away(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)
    app = open_page()

    open_section(app, app.expander[0].key)

    found = [link for link in links(app) if link.startswith("Study")]
    assert len(found) == 3
    assert found[0].startswith("Study 1, block 2 on pi5-1: ")


def test_a_selected_row_shows_its_own_runs(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)
    app = open_page()

    app.session_state[str(app.dataframe[0].key)] = {"selection": {"rows": [1]}}
    app.run()

    assert app.expander[0].label.replace("\\", "") == "Runs of fp32@onnxruntime,t4"


def test_what_was_left_out_is_listed_with_its_reason(database: Database, open_page: OpenPage) -> None:
    study = factories.fill(database).study
    run = factories.run_ids(database, study, label="int8", device="pi5-1")[0]
    reason = {"code": "under-voltage", "severity": "invalid", "text": "under-voltage: 3 samples; change the supply"}
    factories.change_run(database, run, verdict=Verdict.INVALID, reasons=[reason])

    app = open_page()
    open_section(app, "left-out")

    assert app.expander[-1].label == "Left out: 1 run, and why"
    assert list(app.dataframe[-1].value["Reason"]) == ["under-voltage: 3 samples; change the supply"]
    assert app.dataframe[0].value["Verdicts"][0] == "2 valid, 1 invalid"


def test_a_study_that_has_just_begun_says_how_far_it_is(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.add_study(database)

    assert "Measuring: 0 of 6 runs done." in text_of(open_page())


def test_what_is_shown_can_be_downloaded(seen: AppTest) -> None:
    assert [button.label for button in seen.download_button] == ["Download as CSV", "Download as Markdown"]


def test_a_variant_in_the_link_is_selected_and_a_selection_goes_into_the_link(
    database: Database, open_page: OpenPage
) -> None:
    two_boards(database)
    app = open_page(variant="fp32@onnxruntime,t4", board="pi5")
    assert app.expander[0].label.replace("\\", "") == "Runs of fp32@onnxruntime,t4"

    app.session_state[str(app.dataframe[0].key)] = {"selection": {"rows": [0]}}
    app.run()

    assert app.query_params["variant"] == "int8@onnxruntime,t4"


def test_speedups_are_against_the_variant_that_is_chosen(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)
    app = open_page(model="yolov9-c")
    assert app.dataframe[0].value["Speedup"][0] == pytest.approx(1.43, abs=0.03)

    app.selectbox(key="baseline").set_value("int8@onnxruntime,t4").run()

    assert list(app.dataframe[0].value["Speedup"]) == [1.0, pytest.approx(0.7, abs=0.02)]


def test_a_farm_that_is_too_large_for_a_page_shows_what_was_measured_last(
    database: Database, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_boards(database)
    app = open_page()
    monkeypatch.setattr(data, "MOST_AT_ONCE", 10)

    app.run()

    assert len(app.subheader) == 1
    assert "what was measured last is shown, yolov9-c on pi" in text_of(app)


def two_boards(database: Database) -> None:
    """A Pi 5 and a Pi 4 that measured the same study."""
    factories.add_device(database, "pi5-1")
    factories.add_device(database, "pi4-1", board_type="pi4b")
    factories.add_model(database)
    study = factories.add_study(database, devices=("pi5-1", "pi4-1"))
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})


def test_both_regimes_know_each_other_and_say_where_the_order_flips(database: Database, open_page: OpenPage) -> None:
    two_regimes(database)

    app = open_page()

    burst, sustained = (table.value for table in app.dataframe[:2])
    assert list(burst["Variant"]) == ["int8@onnxruntime,t4", "fp32@onnxruntime,t4"]
    assert list(burst["Sustained rank"]) == [2.0, 1.0]
    assert list(burst["Throttles after"]) == ["3 min 20 s", "not within 20 min 00 s"]
    assert list(burst["Flips"]) == ["", "faster than int8@onnxruntime,t4 once hot"]
    assert list(sustained["Burst rank"]) == [2.0, 1.0]
    assert list(sustained["Flips"]) == ["", "faster than fp32@onnxruntime,t4 while cold"]
    text = text_of(app)
    assert text.count("FLIPS") == 2
    assert "fp32@onnxruntime,t4 is faster than int8@onnxruntime,t4 once hot, and slower while cold." in text


def test_without_soaks_nothing_is_said_of_the_other_regime(seen: AppTest) -> None:
    columns = set(seen.dataframe[0].value)
    assert not columns & {"Sustained rank", "Sustained median", "Throttles after", "Flips", "Settled rate"}
