"""An attempt is claimed once, whatever the board forgot since; its history and a witness tell what really ran."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent import contact
from agent.contact import StateNote
from agent.history import Happening, Teller, read_history, was_told
from agent.lock import Holder
from agent.processes import ProcessId, identify, is_alive, myself
from agent.wire.answers import LostCause, RefusedBecause, RunState
from agent.wire.codec import dumps
from agent.wire.records import Outcome, Phase
from agent.wire.spec import Fence
from tests.agent.board import Board, ended, wait_for
from tests.agent.specs import make_spec

pytestmark = pytest.mark.integration


def test_the_same_attempt_with_another_spec_is_not_answered_as_if_it_were_the_same(board: Board) -> None:
    spec = make_spec()
    board.run(spec)
    refused = board.refuse(replace(spec, threads=2))
    assert refused.because is RefusedBecause.CLAIMED_BEFORE
    assert "another spec" in refused.message
    assert board.start(replace(spec, fence=Fence(farm_id="farm-a", number=7))).state is RunState.ENDED
    (board.folder(spec).path / "spec.json").write_text("torn")
    assert board.refuse(spec).because is RefusedBecause.CLAIMED_BEFORE


def test_an_attempt_that_was_forgotten_is_never_measured_again(board: Board) -> None:
    spec = make_spec()
    board.run(spec)
    shutil.rmtree(board.folder(spec).path)
    assert board.status(spec)[0].state is RunState.UNKNOWN
    assert board.refuse(spec).because is RefusedBecause.CLAIMED_BEFORE
    assert ended(board.run(replace(spec, attempt=2))).outcome is Outcome.COMPLETED


def test_the_boards_history_tells_who_measured_and_how_it_ended(board: Board) -> None:
    good, bad = make_spec(), make_spec("run2", runtime_options={"median_ms": 2.0, "fail_at": 3})
    for spec in (good, bad):
        board.run(spec)
    wait_for(lambda: len(list(read_history(board.home))) == 6)
    told = [(line.happening.value, line.run_id, line.outcome, line.code) for line in read_history(board.home)]
    assert told == [
        ("claimed", "run1", "", ""),
        ("measuring", "run1", "", ""),
        ("ended", "run1", "completed", ""),
        ("claimed", "run2", "", ""),
        ("measuring", "run2", "", ""),
        ("ended", "run2", "failed", "inference_failed"),
    ]


def test_a_witness_sees_one_measuring_process_after_the_other(board: Board) -> None:
    watched = {"median_ms": 2.0, "witness": True}
    for run_id in ("run1", "run2"):
        board.run(make_spec(run_id, runtime_options=watched))
    seen = [json.loads(line) for line in (board.home / "witness.jsonl").read_text().splitlines()]
    measuring = [line.process.pid for line in read_history(board.home) if line.happening is Happening.MEASURING]
    assert [(line["pid"], line["alone"]) for line in seen] == [(pid, True) for pid in measuring]


def test_a_witness_says_so_when_somebody_else_measures(board: Board) -> None:
    with (board.home / "witness.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        board.run(make_spec(runtime_options={"median_ms": 2.0, "witness": True}))
    (seen,) = [json.loads(line) for line in (board.home / "witness.jsonl").read_text().splitlines()]
    assert not seen["alone"]


HOLD = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print(flush=True); time.sleep(600)"
GONE = ProcessId(pid=2**22 + 1, started="0")


@pytest.mark.parametrize("agent", [GONE, myself()], ids=["its agent is gone", "its agent lives"])
def test_what_measures_for_a_forgotten_attempt_is_ended_if_its_agent_is_gone(board: Board, agent: ProcessId) -> None:
    """Stopped before it could tie its life to its agent's, a measuring process would hold the machine for ever."""
    lock = board.home / "scripted.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE) as orphan:
        try:
            assert orphan.stdout is not None and orphan.stdout.readline()
            lock.write_text(dumps(Holder(folder=str(board.home / "runs" / "old.1"))))
            boot_id, known = board.probe().boot_id, identify(orphan.pid)
            assert known is not None
            told = Teller(
                home=board.home, run_id="old", attempt=1, fence=Fence(farm_id="farm-a", number=1), boot_id=boot_id
            )
            told.claimed(agent)
            told.measuring(known)
            if agent == GONE:
                assert ended(board.run(make_spec())).outcome is Outcome.COMPLETED
            else:
                assert board.refuse(make_spec()).because is RefusedBecause.BUSY
            assert is_alive(known) == (agent != GONE)
        finally:
            orphan.kill()


def test_a_run_of_another_home_on_this_machine_is_not_taken_for_lost(board: Board, tmp_path: Path) -> None:
    """Simulated boards share a machine and its lock, and each has a boot of its own."""
    busy, spec = replace(board, home=tmp_path / "other"), make_spec()
    shutil.copytree(board.home, busy.home)
    (board.home / "scripted.lock").symlink_to(busy.home / "scripted.lock")
    busy.note(board={"boot_id": "another boot"})
    busy.start(replace(spec, runtime_options={"median_ms": 400.0}))
    try:
        assert board.refuse(make_spec("run2")).because is RefusedBecause.BUSY
        assert ended(busy.finish(spec)).outcome is Outcome.COMPLETED
    finally:
        busy.end_all()


def test_a_note_that_finds_no_room_costs_the_word_and_not_the_run(tmp_path: Path) -> None:
    nowhere = tmp_path / "no such folder"
    contact.publish(nowhere, StateNote(phase=Phase.READY, round=1))
    assert contact.read_note(nowhere) is None
    assert contact.pick_up(nowhere, 1).by == myself()


def test_a_run_that_had_ended_and_lost_the_end_of_its_journal_says_so(board: Board) -> None:
    spec = make_spec()
    board.run(spec)
    wait_for(lambda: was_told(board.home, Happening.ENDED, "run1", 1))
    journal = board.folder(spec).journal
    os.truncate(journal, journal.stat().st_size - 10)
    status, _ = board.status(spec)
    assert (status.state, status.cause) == (RunState.LOST, LostCause.JOURNAL_CUT)
