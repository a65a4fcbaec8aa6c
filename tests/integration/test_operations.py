"""What an operator does to a farm while a run measures, and what may happen to its supervisor: no result is lost."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from orchestrator import embedded
from orchestrator.attending.lifecycle import AttemptState, DeviceState
from orchestrator.backup.make import back_up
from orchestrator.db.tables import DeviceRow
from orchestrator.queries.farm import get_device
from orchestrator.supervisor.state import PartState, SupervisorState, is_running, read_state
from tests.integration.living_farm import Inference, LivingFarm, living_farm, wait_until
from tests.processes import has_ended

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5 = "pi5-active-cooler"
UP = [sys.executable, "-m", "orchestrator", "up", "--no-dashboard"]
PARTS = ("broker", "worker", "tick")
ENDED_IN_TIME_S = 25.0
SHORTEST = ("gate.hold_s=0", "warm_up.min_s=0.1", "window.min_s=0.2", "window.min_inferences=10")
LONG = ("gate.hold_s=0", "warm_up.min_s=0.1", "window.min_s=4", "window.max_s=5")


@dataclass(kw_only=True)
class Operator:
    """Starts and stops the farm of a state home, in whatever way."""

    living: LivingFarm
    supervisor: "subprocess.Popen[bytes]"
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def pifarm(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """What a command answers."""
        command = [sys.executable, "-m", "orchestrator", *words]
        environment = self.living.farm.settings.environment()
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def up(self) -> "subprocess.Popen[bytes]":
        """A supervisor that is ready: the one that runs, or a new one."""
        settings = self.living.farm.settings
        if self.supervisor.poll() is not None:
            self.supervisor = subprocess.Popen(UP, env=settings.environment(), stderr=subprocess.DEVNULL)
            self.started.append(self.supervisor)
        wait_until(lambda: embedded.is_ready(settings), "the farm is up")
        return self.supervisor

    def stop(self, *numbers: signal.Signals) -> int:
        """The exit code of the supervisor after these signals, each sent when the one before was heard."""
        supervisor = self.up()
        for number in numbers:
            supervisor.send_signal(number)
            wait_until(lambda: self.is_draining() or supervisor.poll() is not None, "it was heard")
        return supervisor.wait(ENDED_IN_TIME_S)

    def is_draining(self) -> bool:
        """Whether the supervisor says that it drains."""
        state = read_state(self.living.farm.settings)
        return state is not None and state.is_draining

    def is_left_alone(self) -> bool:
        """Whether no attendant holds the board's lease."""
        with self.living.farm.database.read() as session:
            return session.scalar(select(DeviceRow.lease_holder)) is None

    def state(self) -> SupervisorState:
        """What the supervisor says."""
        state = read_state(self.living.farm.settings)
        assert state is not None
        return state

    def part(self, name: str) -> PartState:
        """What the supervisor says of one part."""
        return next(part for part in self.state().parts if part.name == name)

    def log(self, name: str) -> str:
        """What a part has written."""
        return (self.living.farm.settings.logs_dir / f"{name}.log").read_text(encoding="utf-8")

    def parts(self) -> list[psutil.Process]:
        """The processes of the farm, as the supervisor names them."""
        return [psutil.Process(part.pid) for part in self.state().parts if part.pid is not None]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with living_farm(tmp_path_factory.mktemp("farm"), [PI5]) as living:
        one = Operator(living=living, supervisor=living.supervisor)
        yield one
        for supervisor in one.started:
            supervisor.terminate()
            supervisor.wait(ENDED_IN_TIME_S)


def measuring(operator: Operator) -> int:
    """A study whose only run measures now, on a farm that is up."""
    operator.up()
    study = operator.living.submit("onnx", overrides=LONG, device=PI5, inference=Inference.SCRIPTED)
    operator.living.wait_until_quiet(study)
    wait_until(operator.is_left_alone, "the attendant has left")
    return study


def assert_measured_once(operator: Operator, study: int) -> None:
    assert operator.living.wait_for_end(study) == {"done": 1}
    assert operator.living.attempts_of(study) == [AttemptState.ENDED]


def test_a_supervisor_that_was_killed_leaves_nothing_and_the_next_one_goes_on(operator: Operator) -> None:
    study = measuring(operator)
    supervisor, parts = operator.up(), operator.parts()
    assert len(parts) == len(PARTS)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: all(map(has_ended, parts)), "its parts have ended", patience_s=5.0)
    assert not is_running(operator.living.farm.settings)
    operator.up()
    assert [part.name for part in operator.state().parts] == list(PARTS)
    assert_measured_once(operator, study)


def test_a_farm_that_is_drained_loses_nothing_and_leaves_nobody(operator: Operator) -> None:
    study = measuring(operator)
    parts = operator.parts()
    assert operator.stop(signal.SIGTERM) == 0
    assert all(map(has_ended, parts))
    assert not (operator.living.farm.settings.home / "supervisor.json").exists()
    assert "ended by force" not in operator.log("supervisor")
    assert "Traceback" not in operator.log("worker")
    operator.up()
    assert_measured_once(operator, study)


def test_a_second_farm_on_the_same_home_is_refused(operator: Operator) -> None:
    supervisor = operator.up()
    second = operator.pifarm("up")
    assert (second.returncode, second.stdout) == (2, "")
    assert f"a farm runs here already (pid {supervisor.pid}" in second.stderr
    assert operator.state().is_ready, "the first one does not notice"


def test_a_part_that_died_is_started_again_and_the_status_tells(operator: Operator) -> None:
    operator.up()
    before = operator.part("tick")
    psutil.Process(before.pid).kill()
    wait_until(lambda: operator.part("tick").pid not in (None, before.pid), "it is back")
    status = json.loads(operator.pifarm("status", "--json").stdout)
    (tick,) = (part for part in status["parts"] if part["name"] == "tick")
    assert status["is_up"]
    assert (tick["restarts"], tick["last_end"]) == (before.restarts + 1, "signal SIGKILL")
    assert "part died" in operator.log("supervisor")


def test_after_a_restore_the_farm_goes_on_and_every_run_ends_once(operator: Operator, tmp_path: Path) -> None:
    """When it is restored, the board has done two runs that the database takes for waiting, and forgotten them.

    Before, the farm is ended by a second Ctrl-C, which does not wait.
    """
    living, backup = operator.living, tmp_path / "backup.tar.gz"
    operator.up()
    study = living.submit("onnx", blocks=2, overrides=SHORTEST, device=PI5, inference=Inference.SCRIPTED)
    back_up(living.farm, backup)
    assert living.wait_for_end(study) == {"done": 2}
    parts = operator.parts()
    assert operator.stop(signal.SIGINT, signal.SIGINT) == 130
    assert all(map(has_ended, parts))
    living.farm.database.engine.dispose()
    restored = operator.pifarm("restore", "--replace", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert living.results_of(study) == 0
    operator.up()
    assert living.wait_for_end(study) == {"done": 2}
    assert living.results_of(study) == 2
    device = get_device(living.farm.database, PI5)
    assert (device.state, device.faults_in_row) == (DeviceState.READY, 0)
