"""The etiquette of the quiet window: promises, one pick-up a round, and contacts that are told to wait."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import contact
from agent.contact import StateNote
from agent.processes import ProcessId, identify, myself
from agent.wire.codec import dumps
from agent.wire.records import Phase

READY = StateNote(phase=Phase.READY, round=1, warm_up_s=10.0, quiet_s=70.0)
GONE = ProcessId(pid=2**22 + 1, started="0")


def test_what_is_published_is_read(tmp_path: Path) -> None:
    assert contact.read_note(tmp_path) is None
    contact.publish(tmp_path, READY)
    assert contact.read_note(tmp_path) == READY


@pytest.mark.parametrize(("phase", "in_s"), [(Phase.GATE, 5.0), (Phase.LOAD, 2.0)])
def test_before_the_quiet_window_a_contact_promises_to_come_again(tmp_path: Path, phase: Phase, in_s: float) -> None:
    before_ns = time.monotonic_ns()
    assert contact.announce(tmp_path, StateNote(phase=phase), myself()) == (phase, in_s)
    promised_ns = contact.promised_until_ns(tmp_path)
    assert promised_ns is not None and promised_ns - before_ns >= in_s * 1e9


def test_a_run_that_has_not_spoken_yet_is_asked_again_soon(tmp_path: Path) -> None:
    assert contact.announce(tmp_path, None, myself()) == (None, 2.0)


def test_the_first_contact_picks_the_run_up_and_is_told_the_whole_quiet_time(tmp_path: Path) -> None:
    assert contact.announce(tmp_path, READY, myself()) == (Phase.READY, 70.0)
    took = contact.read_pick_up(tmp_path, 1)
    assert took is not None and took.by == myself()


def test_a_round_is_picked_up_once(tmp_path: Path) -> None:
    first = contact.pick_up(tmp_path, 1)
    assert contact.pick_up(tmp_path, 1) == first
    assert contact.read_pick_up(tmp_path, 2) is None


def test_a_contact_in_the_quiet_window_signals_the_agent_and_is_told_what_remains(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def heard(*_):\n print('heard', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGUSR2, heard); print('ready', flush=True); time.sleep(60)"
    )
    agent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert agent.stdout is not None and agent.stdout.readline() == "ready\n"
    agent_id = identify(agent.pid)
    assert agent_id is not None
    picked_up(tmp_path, since_s=4.0)
    phase, next_s = contact.announce(tmp_path, READY, agent_id)
    assert agent.communicate(timeout=10)[0] == "heard\n"
    assert phase is Phase.WARM_UP and next_s == pytest.approx(66.0, abs=0.5)


def test_the_phase_in_the_quiet_window_is_told_from_the_time(tmp_path: Path) -> None:
    picked_up(tmp_path, since_s=20.0)
    assert contact.announce(tmp_path, READY, GONE)[0] is Phase.WINDOW


def test_an_overdue_run_is_asked_ever_more_seldom(tmp_path: Path) -> None:
    picked_up(tmp_path, since_s=71.0)
    soon_s = contact.announce(tmp_path, READY, GONE)[1]
    picked_up(tmp_path, since_s=700.0)
    later_s = contact.announce(tmp_path, READY, GONE)[1]
    assert 1.0 <= soon_s < later_s


def test_a_sustained_run_is_asked_once_a_minute(tmp_path: Path) -> None:
    note = StateNote(phase=Phase.READY, round=1, quiet_s=1200.0, report_every_s=60.0)
    assert contact.announce(tmp_path, note, myself())[1] == 60.0


def test_after_the_window_the_end_is_near(tmp_path: Path) -> None:
    assert contact.announce(tmp_path, StateNote(phase=Phase.END), myself()) == (Phase.END, 0.3)


def test_a_promise_is_void_when_the_one_who_waited_for_it_is_gone(tmp_path: Path) -> None:
    contact.promise(tmp_path, 60.0, by=GONE)
    assert contact.promised_until_ns(tmp_path) is None
    contact.promise(tmp_path, 60.0, by=myself())
    assert contact.promised_until_ns(tmp_path) is not None


def test_the_signal_of_a_contact_is_not_the_one_that_ends_a_window() -> None:
    assert contact.QUIET_CONTACT not in (signal.SIGTERM, signal.SIGUSR1)


def picked_up(folder: Path, *, since_s: float) -> None:
    """Let another process have picked the run up some time ago."""
    took = contact.PickUp(by=GONE, at_ns=time.monotonic_ns() - int(since_s * 1e9))
    (folder / "picked-up.1").write_text(dumps(took))
