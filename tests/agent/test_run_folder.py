"""A run's folder: claimed once, and a state that is read off what is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.claim import claim_run, prepare_claim
from agent.history import Happening, was_told
from agent.home import BoardNotes, Home
from agent.processes import ProcessId, identify, is_alive
from agent.run_folder import Claim, RunFolder, run_folder
from agent.spool import Spool
from agent.wire.answers import LostCause, RunState
from agent.wire.codec import dumps
from agent.wire.records import Ended, Outcome, Phase, PhaseEntered
from tests.agent.specs import make_spec

END = Ended(at_ns=5, outcome=Outcome.COMPLETED)
GONE = ProcessId(pid=2**22 + 1, started="0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(path=tmp_path, notes=BoardNotes(board={"boot_id": "boot-1"}))


def claimed(home: Home, *, agent: ProcessId | None = None, measuring: ProcessId | None = None) -> RunFolder:
    """A folder that some process claimed; by default this one."""
    spec = make_spec()
    made = claim_run(home, prepare_claim(home, spec), spec)
    assert made is not None
    folder, claim = made
    if agent is not None:
        other = Claim(boot_id=claim.boot_id, bundle=claim.bundle, origin_ns=0, agent=agent, measuring=measuring)
        (folder.path / "claim.json").write_text(dumps(other))
    return folder


def test_a_claim_binds_spec_boot_and_process(home: Home) -> None:
    folder = claimed(home)
    claim = folder.claim()
    assert folder.path.name == "run1.1" and folder.spec() == make_spec()
    assert claim is not None and (claim.boot_id, claim.agent.pid) == ("boot-1", os.getpid())
    assert folder.state(home) == (RunState.ACTIVE, None)


def test_only_one_claim_of_an_attempt_comes_through(home: Home) -> None:
    assert claim_run(home, prepare_claim(home, make_spec()), make_spec()) is not None
    assert claim_run(home, prepare_claim(home, make_spec()), make_spec()) is None
    assert [path.name for path in home.runs.iterdir()] == ["run1.1"]


def test_a_claim_in_the_making_is_no_run(home: Home) -> None:
    prepare_claim(home, make_spec())
    assert run_folder(home, "run1", 1).state(home) == (RunState.UNKNOWN, None)


def test_a_claim_that_a_power_cut_left_in_the_making_gives_its_space_back_at_the_next_start(home: Home) -> None:
    left = prepare_claim(home, make_spec())
    made = prepare_claim(home, make_spec())
    assert not left.exists() and made.exists()


def test_a_claim_in_the_making_under_another_lock_is_swept_away_only_when_it_is_old(home: Home) -> None:
    real = make_spec(runtime="onnxruntime")
    old, young = home.runs / ".new-pifarm-old", home.runs / ".new-pifarm-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    prepare_claim(home, make_spec())
    assert not old.exists() and young.exists()
    prepare_claim(home, real)
    assert not young.exists()


def test_a_claim_is_in_the_boards_history_before_it_comes_into_being(home: Home) -> None:
    claimed(home)
    assert was_told(home.path, Happening.CLAIMED, "run1", 1)
    (home.runs / "run2.1").mkdir()
    (home.runs / "run2.1" / "other").touch()
    assert claim_run(home, prepare_claim(home, make_spec("run2")), make_spec("run2")) is None
    assert was_told(home.path, Happening.CLAIMED, "run2", 1)


def test_a_claim_that_cannot_be_remembered_does_not_come_into_being(home: Home) -> None:
    prepared = prepare_claim(home, make_spec())
    (home.path / "history.jsonl").mkdir()
    assert claim_run(home, prepared, make_spec()) is None
    assert list(home.runs.iterdir()) == []


def test_space_for_the_journal_is_set_aside(home: Home) -> None:
    folder = prepare_claim(home, make_spec())
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("this system cannot set space aside")
    assert (folder / "reserve").stat().st_size == make_spec().limits.journal_bytes


def test_an_end_record_means_ended_even_while_the_agent_still_lives(home: Home) -> None:
    folder = claimed(home)
    spool = Spool(folder.path)
    spool.append(PhaseEntered(phase=Phase.GATE, at_ns=1))
    assert folder.state(home)[0] is RunState.ACTIVE
    spool.end(END)
    assert folder.end_record() == END
    assert folder.state(home) == (RunState.ENDED, None)


def test_a_torn_end_record_is_none(home: Home) -> None:
    folder = claimed(home)
    Spool(folder.path).end(END)
    whole = folder.journal.read_bytes()
    for cut in range(len(whole)):
        folder.journal.write_bytes(whole[:cut])
        assert folder.end_record() is None


def test_a_run_without_its_agent_is_lost(home: Home) -> None:
    folder = claimed(home, agent=GONE)
    assert folder.state(home) == (RunState.LOST, LostCause.NEVER_STARTED)
    Spool(folder.path).append(PhaseEntered(phase=Phase.GATE, at_ns=1))
    assert folder.state(home) == (RunState.LOST, LostCause.AGENT_DIED)


def test_another_boot_explains_the_loss(home: Home) -> None:
    folder = claimed(home)
    rebooted = Home(path=home.path, notes=BoardNotes(board={"boot_id": "boot-2"}))
    assert folder.state(rebooted) == (RunState.LOST, LostCause.REBOOTED)


def test_a_pid_that_now_belongs_to_another_process_does_not_keep_a_run_alive(home: Home) -> None:
    folder = claimed(home, agent=ProcessId(pid=os.getpid(), started="long ago"))
    assert folder.state(home)[0] is RunState.LOST


def test_a_claim_that_cannot_be_read_is_lost_and_not_an_error(home: Home) -> None:
    folder = claimed(home)
    (folder.path / "claim.json").write_text("{")
    assert folder.state(home)[0] is RunState.LOST


def test_orphans_are_ended(home: Home) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    orphan = identify(sleeper.pid)
    assert orphan is not None and is_alive(orphan)
    claimed(home, agent=GONE, measuring=orphan).end_processes(patience_s=0.0)
    assert sleeper.wait(timeout=10) != 0
    assert not is_alive(orphan)
    assert sleeper.stdin is not None
    sleeper.stdin.close()
