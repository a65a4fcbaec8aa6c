"""Status, logs, backup and restore as a person types them."""

import json
import tarfile
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.supervisor.state import PartState, SupervisorState, supervisor_lock, write_state
from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.small_farm import set_columns

CONTRACT = {"is_up", "home", "devices", "studies"}
STATE = SupervisorState(
    pid=4711,
    since_s=5.0,
    is_ready=True,
    parts=(PartState(name="tick", pid=None, since_s=5.0, restarts=7, keeps_dying=True),),
)


def test_the_status_says_at_a_glance_what_runs_and_what_is_wrong(pifarm: Pifarm, database: Database) -> None:
    set_columns(database, DeviceRow, 1, state=DeviceState.SICK, state_reason="5 faults in a row")
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    settings = Settings(home=pifarm.home)
    with supervisor_lock(settings, "up"):
        write_state(settings, STATE)
        ended = pifarm("status")
    assert (ended.exit_code, ended.err) == (0, "")
    for text in (
        "up for",
        "pid 4711",
        "7 (keeps dying)",
        "2 waiting, 0 running",
        "attention needed",
        "5 faults in a row",
    ):
        assert text in ended.out


def test_the_status_of_a_farm_that_is_down_says_how_to_start_it(
    pifarm: Pifarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIFARM_CANARY_EVERY_S")
    ended = pifarm("status")
    assert ended.exit_code == 0
    assert "not running; start it with `pifarm up`" in ended.out
    assert "attention" not in ended.out


def test_the_status_says_what_a_board_at_its_gate_waits_for_and_about_how_long(
    pifarm: Pifarm, database: Database
) -> None:
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    with database.write() as session:
        run = session.scalars(select(RunRow).where(RunRow.device_id == 1)).first()
        assert run is not None
        run.state = RunState.RUNNING
        device = session.get_one(DeviceRow, 1)
        device.last_phase, device.last_waiting_for = "gate", "temperature 61.2 C, wanted 54.0 +- 2.0 C"
        device.ready_at_s = time.time() + 185
    text = "waits at the gate: temperature 61.2 C, wanted 54.0 +- 2.0 C; about 3 min"
    assert text in " ".join(pifarm("status").out.split())
    assert json.loads(pifarm("status", "--json").out)["devices"][0]["ready_in_s"] > 100


def test_the_status_for_programs_says_the_same_and_keeps_its_keys(pifarm: Pifarm, measured: factories.Example) -> None:
    document = read_json(pifarm, "status")
    assert set(document) >= CONTRACT | {"parts", "broker", "database", "queue", "attention", "free_bytes"}
    assert document["database"]["revision"]
    assert [device["name"] for device in document["devices"]] == sorted(measured.devices)


def test_what_a_board_says_cannot_steer_the_terminal_through_the_status(pifarm: Pifarm, database: Database) -> None:
    nasty = "\x1b[2J[bold]loud[/bold]\u202e"
    set_columns(database, DeviceRow, 1, state=DeviceState.SICK, state_reason=nasty)
    out = pifarm("status").out
    assert not set("\x1b\u202e") & set(out)
    assert "[bold]loud[/bold]" in "".join(out.split())
    assert nasty in json.loads(pifarm("status", "--json").out)["devices"][0]["state_reason"]


def test_logs_are_printed_from_their_end(pifarm: Pifarm) -> None:
    folder = pifarm.home / "logs"
    folder.mkdir()
    (folder / "worker.log.1").write_text("one\ntwo\n", encoding="utf-8")
    (folder / "worker.log").write_text("three\n\x1b[2Jfour\n", encoding="utf-8")
    assert pifarm("logs", "--lines", "3").out == "two\nthree\n\N{REPLACEMENT CHARACTER}[2Jfour\n"


def test_a_log_that_is_not_there_says_who_writes_it(complain: Bad) -> None:
    assert "`pifarm up` writes it" in complain("logs", "tick")
    assert "there are worker, tick, dashboard, broker, supervisor" in complain("logs", "radio")


def test_a_backup_is_made_and_put_back(pifarm: Pifarm, tmp_path: Path) -> None:
    made = pifarm("backup", "farm.tar.gz")
    assert made.exit_code == 0
    assert "farm's private key" in made.err
    with tarfile.open(tmp_path / "farm.tar.gz") as archive:
        assert archive.getnames()[0] == "manifest.json"
    before = pifarm.dump()
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    back = pifarm("restore", "farm.tar.gz", "--replace")
    assert back.exit_code == 0, back.err
    assert "replaced-" in back.err
    assert sorted(pifarm.dump()) == sorted(before)


def test_a_restore_onto_a_farm_or_of_no_backup_is_refused(pifarm: Pifarm) -> None:
    pifarm("backup", "farm.tar.gz")
    before = pifarm.dump()
    for words, complaint in (
        (["restore", "farm.tar.gz"], "give --replace to put it aside"),
        (["restore", "nothing.tar.gz", "--replace"], "does not exist"),
        (["backup", "farm.tar.gz"], "exists already"),
    ):
        ended = pifarm(*words)
        assert (ended.exit_code, ended.out) == (2, "")
        assert complaint in ended.err
    assert pifarm.dump() == before


def test_a_schema_is_taken_back_and_comes_up_again_with_the_next_command(pifarm: Pifarm) -> None:
    latest = pifarm("db", "upgrade").out
    assert pifarm("db", "downgrade", "0001").out.startswith("database is at revision 0001")
    assert pifarm("db", "upgrade").out == latest
