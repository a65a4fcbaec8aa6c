"""A part: started, started again ever later, and ended with whoever started it, whatever happens to that one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.supervisor.parts import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, Part, start_tethered
from orchestrator.supervisor.rotation import LogFile
from tests.integration.living_farm import wait_until
from tests.pretended_board import Clock
from tests.processes import has_ended

MEANS = ["watcher", *(["deathsig"] if sys.platform == "linux" else [])]
each_means = pytest.mark.parametrize("means", MEANS)
STARTER = """
import os, sys
from pathlib import Path
from orchestrator.supervisor.parts import start_tethered
from orchestrator.supervisor.rotation import LogFile
log = LogFile(path=Path(sys.argv[2]), max_bytes=100000, backups=1)
part = start_tethered(["/bin/sleep", "600"], log, os.environ, sys.argv[1])
print(part.pid, flush=True)
sys.stdin.read()
"""


def make_part(command: list[str], clock: Clock) -> Part:
    return Part(name="worker", start=lambda: subprocess.Popen(command), clock=clock.read)


def live_and_die(part: Part, clock: Clock, lived_s: float) -> float:
    """Let a due part start and die after a while; when the next start is due, in seconds."""
    assert part.look_after()
    assert part.process is not None
    part.process.wait()
    clock.wait(lived_s)
    assert part.look_after()
    assert part.state().pid is None
    waited_s = 0.0
    while not part.look_after():
        clock.wait(0.5)
        waited_s += 0.5
    assert part.process is not None
    part.process.wait()
    part.end()
    return waited_s


def test_a_part_that_dies_after_a_long_life_is_started_again_at_once() -> None:
    part = make_part(["/bin/true"], clock := Clock())
    assert live_and_die(part, clock, STEADY_S) == 0.0
    assert part.state().restarts == 1


def test_a_part_that_dies_at_once_is_started_ever_later_up_to_a_limit() -> None:
    part = make_part(["/bin/false"], clock := Clock())
    pauses_s = [live_and_die(part, clock, 0.1) for _ in range(9)]
    assert pauses_s[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses_s[-1] == LONGEST_PAUSE_S
    assert part.state().keeps_dying
    assert part.state().last_end == "exit code 1"


def test_one_long_life_makes_up_for_the_short_ones() -> None:
    part = make_part(["/bin/false"], clock := Clock())
    for _ in range(5):
        live_and_die(part, clock, 0.1)
    live_and_die(part, clock, STEADY_S)
    assert not part.state().keeps_dying


def test_a_part_that_was_killed_says_by_what() -> None:
    part = make_part(["/bin/sleep", "600"], Clock())
    part.look_after()
    assert part.process is not None
    part.process.kill()
    part.process.wait()
    part.look_after()
    assert part.state().last_end == "signal SIGKILL"


def test_a_part_that_does_not_leave_is_ended() -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(600)"
    command = [sys.executable, "-S", "-c", stubborn]
    part = Part(name="worker", start=lambda: subprocess.Popen(command, stdout=subprocess.PIPE))
    part.look_after()
    process = part.process
    assert process is not None
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        part.ask_to_end()
        assert not part.has_ended()
        part.end()
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    return LogFile(path=tmp_path / "part.log", max_bytes=100_000, backups=1)


@pytest.mark.integration
@each_means
def test_a_part_ends_with_a_supervisor_that_was_killed(log: LogFile, means: str) -> None:
    command = [sys.executable, "-c", STARTER, means, str(log.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()) as starter:
        assert starter.stdout is not None
        part = psutil.Process(int(starter.stdout.readline()))
        wait_until(lambda: part.name() == "sleep", "the part is its command")
        starter.kill()
        wait_until(lambda: has_ended(part), "the part has ended")


@each_means
def test_a_part_is_its_command_and_writes_to_its_log(log: LogFile, means: str) -> None:
    words = ["/bin/sh", "-c", 'echo "pid $$"; cat; echo trouble >&2; exit 3']
    process = start_tethered(words, log, os.environ, means)
    assert process.wait() == 3
    assert process.stdin is not None
    process.stdin.close()
    assert log.path.read_text(encoding="utf-8") == f"pid {process.pid}\ntrouble\n"


def test_a_watcher_leaves_with_its_part(log: LogFile) -> None:
    process = start_tethered(["/bin/sleep", "600"], log, os.environ, "watcher")
    me = psutil.Process(process.pid)
    wait_until(lambda: bool(me.children()), "the watcher is there")
    (watcher,) = me.children()
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    wait_until(lambda: has_ended(watcher), "the watcher has left")
