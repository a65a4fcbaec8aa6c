"""What commands say and do for people: tables, what comes next, and names that come from elsewhere."""

import json

import pytest

from orchestrator.boards import fleet
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.demo import demo_variants
from tests import factories
from tests.cli.conftest import Pifarm, read_json
from tests.small_farm import set_columns


def test_every_reading_command_also_speaks_to_people(pifarm: Pifarm, measured: factories.Example) -> None:
    run = read_json(pifarm, "run", "list")[0]["run"]
    for arguments in (
        ["status"],
        ["device", "list"],
        ["device", "show", measured.devices[1]],
        ["model", "list"],
        ["model", "show", factories.MODEL],
        ["study", "list"],
        ["study", "show", str(measured.study)],
        ["run", "list"],
        ["run", "show", run],
        ["leaderboard"],
    ):
        ended = pifarm(*arguments)
        assert (ended.exit_code, ended.err) == (0, ""), arguments
        assert ended.out.strip()


def test_every_table_marks_what_is_simulated(pifarm: Pifarm, measured: factories.Example) -> None:
    for arguments in (["status"], ["device", "list"], ["study", "list"], ["run", "list"], ["leaderboard"]):
        assert "simulated" in pifarm(*arguments).out.lower(), arguments


def test_an_empty_farm_says_what_to_do_first(pifarm: Pifarm, database: Database) -> None:
    fleet.remove(database, "pi5-kitchen")
    for arguments, remedy in (
        (["device", "list"], "pifarm device add"),
        (["study", "list"], "pifarm submit"),
        (["leaderboard"], "pifarm"),
    ):
        ended = pifarm(*arguments)
        assert (ended.exit_code, ended.out) == (0, "")
        assert remedy in ended.err


def test_submitting_answers_with_the_study_and_says_what_comes_next(pifarm: Pifarm) -> None:
    ended = pifarm("submit", "yolov9-c", "--blocks", "2", "--threads", "1,4")
    assert (ended.exit_code, ended.out) == (0, "study 1: 8 runs on pi5-kitchen\n")
    assert "pifarm up" in ended.err
    study = read_json(pifarm, "submit", "yolov9-c", "--variant", "int8", "--where", "cooling=fan", "--priority", "3")
    assert (study["study"], study["devices"]) == (2, ["pi5-kitchen"])


def test_a_study_is_cancelled_and_retried_from_the_command_line(pifarm: Pifarm) -> None:
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    assert pifarm("study", "cancel", "1").out == "study 1: 2 runs cancelled\n"
    assert pifarm("study", "cancel", "1").out == "study 1: 0 runs cancelled\n"
    assert pifarm("study", "retry", "1").out == "study 1: 2 runs queued again\n"


@pytest.mark.integration
def test_adding_a_model_twice_is_no_error_and_says_so(pifarm: Pifarm) -> None:
    file = str(demo_variants()[0].path)
    first, again = (pifarm("model", "add", "digits", file) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "added digits" in first.out
    assert "nothing new; known already: digits" in again.out


def test_the_farms_key_is_one_line_for_authorized_keys_and_stays_the_same(pifarm: Pifarm) -> None:
    first, again = pifarm("key"), pifarm("key")
    assert first.out == again.out
    assert first.out.startswith("ssh-ed25519 ")
    assert first.out.count("\n") == 1


def test_a_drained_device_says_so_until_it_is_resumed(pifarm: Pifarm) -> None:
    pifarm("device", "drain", "pi5-kitchen", "--reason", "new fan")
    assert "drained: new fan" in pifarm("device", "list").out
    pifarm("device", "resume", "pi5-kitchen")
    assert "drained" not in pifarm("device", "list").out


def test_recomputing_says_how_many_runs_it_touched(pifarm: Pifarm, measured: factories.Example) -> None:
    ended = pifarm("recompute")
    assert (ended.exit_code, ended.err) == (0, "")
    assert ended.out == f"{len(read_json(pifarm, 'run', 'list'))} runs recomputed\n"


def test_what_a_board_says_of_itself_cannot_steer_the_terminal(pifarm: Pifarm, database: Database) -> None:
    nasty = "\x1b]0;owned\x07\x1b[2J[bold]loud[/bold]\u202ereversed"
    set_columns(database, DeviceRow, 1, board=nasty, state_reason=nasty)
    out = pifarm("device", "list").out
    assert not set("\x1b\x07\u202e") & set(out)
    assert "[bold]loud[/bold]" in "".join(out.split())
    assert json.loads(pifarm("device", "list", "--json").out)[0]["board"] == nasty


def test_what_commands_change_is_in_the_audit_log_and_what_is_refused_is_not(pifarm: Pifarm) -> None:
    assert pifarm("device", "quarantine", "pi5-kitchen", "--reason", "it smells").exit_code == 0
    assert pifarm("device", "resume", "pi5-kitchen", "--comment", "new fan").exit_code == 0
    assert pifarm("submit", "yolov9-c").exit_code == 0
    assert pifarm("study", "priority", "1", "5").exit_code == 0
    assert pifarm("study", "cancel", "99").exit_code == 2

    lines = read_json(pifarm, "audit")
    assert [line["action"] for line in lines] == [
        "study priority", "study submit", "device resume", "device quarantine",
    ]  # fmt: skip
    assert {line["who"].partition(":")[0] for line in lines} == {"cli"}
    assert read_json(pifarm, "study", "show", "1")["study"]["priority"] == 5
    assert "it smells" in pifarm("audit", "--limit", "4").out
