"""Page Farm: what every device does, how old that knowledge is, and what is wrong."""

import pytest
from sqlalchemy import select, update

from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, EventRow, RunRow
from orchestrator.queries.farm import get_device, recent_events
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of

pytestmark = pytest.mark.integration


def change_device(database: Database, name: str, **values: object) -> None:
    with database.write() as session:
        session.execute(update(DeviceRow).where(DeviceRow.name == name).values(**values))


def test_an_empty_farm_is_told_how_to_add_a_device(open_page: OpenPage) -> None:
    text = text_of(open_page("farm"))

    assert "pifarm device add" in text
    assert "pifarm demo" in text


def test_every_device_has_a_card_with_its_queue(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)
    factories.add_study(database, devices=("pi5-1",), blocks=2)

    text = text_of(open_page("farm"))

    assert "2 devices: 0 at work, 4 runs waiting" in text
    assert "**pi5-1**" in text and "**pi5-sim**" in text
    assert text.count("SIMULATED") == 1
    assert "temperature unknown · 4 waiting · never seen" in text


def test_a_device_at_work_shows_run_phase_and_the_age_of_that_knowledge(
    database: Database, open_page: OpenPage
) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database)
    run = factories.run_ids(database, study)[0]
    factories.change_run(database, run, state=RunState.RUNNING)
    change_device(
        database, "pi5-1", last_phase="gate", last_waiting_for="temperature 61.5 C, wanted 54.0 +- 2.0 C",
        last_temperature_c=61.5, last_seen_at_s=now_s() - 30, ready_at_s=now_s() + 185,
    )  # fmt: skip

    app = open_page("farm")

    text = text_of(app)
    waits = "waits at the gate: temperature 61.5 C, wanted 54.0 +- 2.0 C; about 3 min"
    assert f"yolov9-c/fp32@onnxruntime,t4, {waits}" in text
    assert "61.5 °C · 5 waiting · seen 30 s ago" in text
    assert "Open its run" in [link.value for link in app.page_link]


def test_a_sick_device_comes_first_with_its_reason(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database, "a-healthy")
    factories.add_device(database, "z-sick")
    change_device(database, "z-sick", state=DeviceState.SICK, state_reason="five faults in a row", faults_in_row=5)

    text = text_of(open_page("farm"))

    assert text.index("z-sick") < text.index("a-healthy")
    assert "five faults in a row" in text
    assert "1 sick" in text


def test_a_runtime_that_a_board_cannot_run_is_named_with_its_cause(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)

    assert "ncnn is unsupported: not installed" in text_of(open_page("farm"))


def test_studies_in_progress_show_how_far_they_are(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database)
    factories.measure(database, study, {"fp32": 100.0})

    (bar,) = open_page("farm").progress

    assert bar.value == 50
    assert "3 of 6 runs" in str(bar.text).replace("\\", "")
    assert " left" in str(bar.text)


def test_a_quiet_farm_says_that_nothing_is_in_progress(database: Database, open_page: OpenPage) -> None:
    factories.fill(database)

    assert "None. `pifarm submit MODEL` queues one." in text_of(open_page("farm"))


def test_events_are_listed_newest_first(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    with database.write() as session:
        session.add_all(EventRow(kind="study", message=message) for message in ("first", "second"))

    app = open_page("farm")

    assert list(app.dataframe[0].value["Event"]) == ["second", "first"]


def test_the_facts_of_a_device_can_be_linked(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database, "pi5-1")
    factories.add_device(database, "pi5-2")

    app = open_page("farm", show="pi5-2")

    table = app.dataframe[-1].value
    facts = dict(zip(table["Fact"], table["Value"], strict=True))
    assert facts["address"] == "pi@pi5-2.lan"
    assert facts["host key"].startswith("SHA256:")
    assert facts["runtime ncnn"] == "unsupported: not installed"
    assert "Absent on this board: power_w." in text_of(app)


def test_many_devices_are_paged(database: Database, open_page: OpenPage) -> None:
    for number in range(30):
        factories.add_device(database, f"pi-{number:02d}")

    app = open_page("farm")
    first = text_of(app)
    app.pagination[0].set_value(2).run()
    second = text_of(app)

    assert "**pi-00**" in first and "**pi-29**" not in first
    assert "**pi-29**" in second and "**pi-00**" not in second


def test_a_name_from_elsewhere_cannot_load_a_picture(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    change_device(database, "pi5-1", state=DeviceState.DRAINED, state_reason="![x](http://elsewhere.example/x.png)")
    with database.read() as session:
        assert session.scalars(select(RunRow)).all() == []

    shown = [element.value for element in open_page("farm").markdown]

    assert not any("![" in text for text in shown)


@pytest.mark.parametrize(
    ("button", "state", "reason"),
    [
        ("drain", DeviceState.DRAINED, "new fan"),
        ("quarantine", DeviceState.SICK, "quarantined: new fan"),
    ],
)
def test_an_operator_takes_a_device_out_of_service_and_back_with_a_comment(
    database: Database, open_page: OpenPage, button: str, state: DeviceState, reason: str
) -> None:
    factories.add_device(database)
    app = open_page("farm", show="pi5-1")

    app.button(key=button).click().run()
    assert "comment: say why" in text_of(app)
    app.text_input(key="comment-pi5-1").set_value("new fan")
    app.button(key=button).click().run()
    out = get_device(database, "pi5-1")
    app.text_input(key="comment-pi5-1").set_value("it turns")
    app.button(key="resume").click().run()

    assert (out.state, out.state_reason) == (state, reason)
    assert get_device(database, "pi5-1").state is DeviceState.READY
    assert "pi5-1: resumed: it turns" in [event.message for event in recent_events(database)]


def test_a_card_leads_to_its_device(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    app = open_page("farm")

    app.button(key="look-after-pi5-1").click().run()

    assert app.selectbox(key="show").value == "pi5-1"
    assert app.button(key="drain").label == "Drain"


def test_a_card_tells_clock_and_throttle_bits_with_their_age(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.begin_soak(database)

    assert "true clock 2400 MHz · no throttle bit set · as of 1 min ago" in text_of(open_page("farm"))


def test_the_doctors_findings_stand_beside_what_to_do(database: Database, open_page: OpenPage) -> None:
    factories.add_device(database)
    probe = {"facts": {"governor": "ondemand"}, "absent": [], "runtimes": {}, "unsupported": {}}
    change_device(database, "pi5-1", probe=probe)

    findings = open_page("farm", show="pi5-1").dataframe[0].value

    assert list(findings["Code"]) == ["governor"]
    assert "--fix" in findings["What to do"][0]


def test_a_device_is_added_only_once_its_host_key_was_confirmed(open_page: OpenPage) -> None:
    app = open_page("farm")
    app.text_input(key="new-name").set_value("two words")
    app.text_input(key="new-address").set_value("nowhere at all").run()

    assert "Expected letters, digits" in text_of(app)
    assert app.button(key="look").disabled
    assert "add-device" not in [button.key for button in app.button]
