"""`pifarm submit` says what a study will take; `study show` and `study extend` say and change how far it goes."""

from typing import Any

import pytest

from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.orchestrator.studies.measuring import measure_all
from tests.small_farm import add_device, set_columns


def submit_json(pifarm: Pifarm, *options: str) -> dict[str, Any]:
    """The document of a submission."""
    document: dict[str, Any] = read_json(pifarm, "submit", "yolov9-c", *options)
    return document


def test_a_submission_says_what_it_takes_before_anything_is_queued(pifarm: Pifarm) -> None:
    ended = pifarm("submit", "yolov9-c")
    assert ended.out == "study 1: 10 runs on pi5-kitchen\n"
    said = " ".join(ended.err.split())
    assert said.index("forecast") < said.index("next: pifarm up")
    assert "10 runs: 2 variants x 1 device x 5 blocks, done in about" in said
    assert "assumed, until runs of these devices say it: time constant 360 s" in said
    assert "room may warm by" in said
    assert "if runs scatter by 1.0% (assumed); blocks that it takes to find: 3%" in said


def test_a_dry_run_says_the_same_and_stores_nothing(pifarm: Pifarm) -> None:
    before = pifarm.dump()
    ended = pifarm("submit", "yolov9-c", "--dry-run")
    assert (ended.exit_code, ended.err) == (0, "")
    assert "10 runs: 2 variants x 1 device x 5 blocks" in " ".join(ended.out.split())
    document = submit_json(pifarm, "--dry-run")
    assert document["study"] is None
    assert pifarm.dump() == before
    assert submit_json(pifarm)["forecast"] == document["forecast"]


def test_a_dry_run_refuses_what_would_be_refused(complain: Bad) -> None:
    assert "there are yolov9-c" in complain("submit", "yolo", "--dry-run")


def test_what_waits_on_a_machine_is_counted_and_devices_that_share_one_add_up(
    pifarm: Pifarm, database: Database
) -> None:
    add_device(database, "other", labels={"cooling": "fan"})
    add_device(database, "twin", machine_key="machine of other")
    first = submit_json(pifarm, "--device", "other")["forecast"]
    second = submit_json(pifarm)["forecast"]
    boards = {board["device"]: board for board in second["boards"]}
    assert first["boards"][0]["queued_s"] == 0
    assert boards["pi5-kitchen"]["queued_s"] == 0
    assert boards["other"]["queued_s"] == boards["twin"]["queued_s"] > 0
    assert boards["pi5-kitchen"]["done_in_s"] == pytest.approx(boards["pi5-kitchen"]["own_s"])
    assert boards["other"]["done_in_s"] == pytest.approx(boards["other"]["queued_s"] + 2 * boards["other"]["own_s"])


def test_until_ci_starts_with_eight_blocks_and_says_how_it_stands(pifarm: Pifarm, database: Database) -> None:
    study = submit_json(pifarm, "--until-ci", "1%", "--max-blocks", "9")
    assert (study["blocks"], study["counts"]["queued"], study["forecast"]["most_blocks"]) == (8, 16, 9)
    until = study["until_ci"]
    assert (until["wanted"], until["max_blocks"], until["coverage"]) == (0.01, 9, 0.93)
    nothing_yet = {"blocks": 0, "half_width": None, "stopped": None, "left_out": 0}
    assert until["devices"] == [{"device": "pi5-kitchen", **nothing_yet}]
    measure_all(database, 1, lambda run: 1e7 * (1 + 0.05 * (run.block % 2) * run.position))
    shown = " ".join(pifarm("study", "show", "1").out.split())
    assert "until 95 % intervals are within ±1.00%, at most 9 on a device" in shown
    assert "really cover about 93%" in shown
    assert "of 9 blocks, the limit of blocks is met" in shown
    assert "9/9" in shown


def test_an_open_loop_is_submitted_by_its_rate(pifarm: Pifarm) -> None:
    study = submit_json(pifarm, "--protocol", "quick", "--rate", "0.5", "--deadline-ms", "500")
    assert study["protocol"].startswith("quick-")
    assert study["forecast"]["boards"][0]["floor_s"] > 40


def test_blocks_are_added_from_the_command_line(pifarm: Pifarm) -> None:
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    assert pifarm("study", "extend", "1", "--blocks", "3").out == "study 1: 6 runs added\n"
    study = read_json(pifarm, "study", "show", "1")["study"]
    assert (study["blocks"], study["blocks_done"], study["blocks_planned"], study["counts"]["queued"]) == (4, 0, 4, 8)


def test_a_cancelled_study_says_how_it_is_taken_up_again(pifarm: Pifarm, complain: Bad) -> None:
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    pifarm("study", "cancel", "1")
    assert "pifarm study retry 1" in complain("study", "extend", "1", "--blocks", "1")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--until-ci", "0.01"], "--until-ci 0.01: expected a percentage like 1%"),
        (["--until-ci", "much%"], "--until-ci much%: expected a percentage like 1%"),
        (["--until-ci", "90%"], "until-ci: expected 0.1%..50%"),
        (["--max-blocks", "9"], "max-blocks: means nothing without --until-ci"),
        (["--until-ci", "1%", "--max-blocks", "7"], "max-blocks: expected 8 (blocks)..1000, got 7"),
        (["--deadline-ms", "5"], "--deadline-ms: means nothing without --rate"),
        (["--rate", "0"], "rate_per_s: expected"),
        (["--rate", "2", "--deadline-ms", "0"], "deadline_s: expected"),
    ],
)
def test_a_wish_that_makes_no_sense(complain: Bad, options: list[str], complaint: str) -> None:
    assert complaint in complain("submit", "yolov9-c", *options)


def test_a_device_without_a_thermometer_is_not_said_to_wait_for_its_temperature(
    pifarm: Pifarm, database: Database
) -> None:
    set_columns(database, DeviceRow, 1, probe={"absent": ["temperature_c"]})
    (board,) = submit_json(pifarm, "--dry-run")["forecast"]["boards"]
    assert board["first_gate_s"] < 10
    assert board["room_c"] is None
