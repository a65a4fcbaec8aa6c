"""A farm that runs, in a state home of its own: supervisor, worker, tick and broker as `pifarm up` starts them.

Lifecycle: `running_farm` is up inside its `with` block, with the demo model; boards are added by `add_board`.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from benchmarks.command import CannotMeasureError
from orchestrator import demo, embedded
from orchestrator.attending.lifecycle import StudyState
from orchestrator.boards import fleet
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.tables import DeviceRow, StudyRow
from orchestrator.farm import Farm, open_farm
from orchestrator.log_lines import log_to
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey, HostKey

PATIENCE_S = 60.0
POLL_S = 0.05
NOT_OURS = ("PIFARM_BROKER_URL", "PYTHONDONTWRITEBYTECODE")  # a broker of yours; a habit that no farm has


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningFarm:
    """The farm and its supervisor."""

    farm: Farm
    environment: dict[str, str]
    supervisor: "subprocess.Popen[bytes]"

    @property
    def key(self) -> FarmKey:
        """The farm's key pair."""
        return FarmKey.in_folder(self.farm.settings.keys_dir)

    def add_board(self, name: str, address: SshAddress, host_key: HostKey) -> None:
        """Register and prepare a board."""
        fleet.add_board(
            self.farm, fleet.NewBoard(name=name, address=str(address)), host_key, progress=lambda step, detail: None
        )

    def pifarm(self, *words: str, patience_s: float = PATIENCE_S) -> Any:
        """What a command of a person says with ``--json``, run in a process of its own."""
        return json.loads(self.run(*words, "--json", patience_s=patience_s))

    def run(self, *words: str, patience_s: float = PATIENCE_S) -> bytes:
        """What a command of a person prints, run in a process of its own; raises `CannotMeasureError` if it fails."""
        command = [sys.executable, "-m", "orchestrator", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=patience_s)
        if done.returncode != 0:
            raise CannotMeasureError(f"pifarm {words[0]}: {done.stderr.decode(errors='replace')[-300:]}")
        return done.stdout

    def wait_for_end(self, study: int, patience_s: float = PATIENCE_S) -> None:
        """Wait until every run of a study is done and nobody attends to a device any more."""
        wait_until(lambda: self._state_of(study) is not StudyState.ACTIVE, f"study {study} ends", patience_s)
        wait_until(self._is_idle, "the devices are left alone")

    def parts(self) -> dict[str, psutil.Process]:
        """The processes of the farm by name: supervisor, broker, worker, tick."""
        supervisor = psutil.Process(self.supervisor.pid)
        return {"supervisor": supervisor} | {_part_name(child): child for child in supervisor.children()}

    def _state_of(self, study: int) -> StudyState | None:
        with self.farm.database.read() as session:
            return session.scalar(select(StudyRow.state).where(StudyRow.id == study))

    def _is_idle(self) -> bool:
        busy = select(DeviceRow.id).where(
            DeviceRow.lease_holder.is_not(None) | DeviceRow.next_attention_at_s.is_not(None)
        )
        with self.farm.database.read() as session:
            return session.scalar(busy.limit(1)) is None


@contextlib.contextmanager
def running_farm(home: Path) -> Iterator[RunningFarm]:
    """A farm in `home` with its own SQLite and its own broker, whatever the environment says."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'pifarm.db'}", broker_url="", canary_every_s=0.0)
    environment = {name: value for name, value in settings.environment().items() if name not in NOT_OURS}
    log_to(sys.stderr, keys_dir=settings.keys_dir)
    farm = open_farm(settings)
    try:
        builds = [
            NewBuild(path=variant.path, label=variant.label, is_baseline=variant.is_baseline)
            for variant in demo.demo_variants()
        ]
        add_model(farm, demo.MODEL_NAME, builds)
        with _supervised(settings, environment) as supervisor:
            yield RunningFarm(farm=farm, environment=environment, supervisor=supervisor)
    finally:
        farm.database.engine.dispose()


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition; raises `CannotMeasureError` that says what did not come."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise CannotMeasureError(f"after {patience_s:.0f} s, still not: {what}")
        time.sleep(POLL_S)


@contextlib.contextmanager
def _supervised(settings: Settings, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "orchestrator", "up", "--no-dashboard"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: embedded.is_ready(settings), "the farm is up")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _part_name(process: psutil.Process) -> str:
    words = process.cmdline()
    return words[-1] if "orchestrator" in words else "broker"
