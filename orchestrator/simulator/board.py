"""One simulated board: its home folder, its hardware tree, its heat, and the processes that belong to it."""

import hashlib
import json
import math
import random
import sys
import time
import uuid
from pathlib import Path

import psutil

from orchestrator.simulator import thermal
from orchestrator.simulator.boards import BoardKind, individual
from orchestrator.simulator.hardware import HardwareTree, Readings
from orchestrator.simulator.load import RunLoad

USER = "pi"
MARKER = "PIFARM_SIMULATED_BOARD"
"""In the environment of everything that a board runs, so that switching it off ends it, detached or not."""
_LOGIN = (
    "unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONSTARTUP;"
    f' export HOME="$1" PATH="$2:$PATH" USER={USER} LOGNAME={USER} {MARKER}="$1"; exec /bin/sh -c "$3"'
)
SENSOR_NOISE_C = 0.4
AMBIENT_DRIFT_C = 1.0
AMBIENT_DRIFT_PERIOD_S = 3600.0
_BUSY_FROM = 0.02


class BoardBody:
    """A board without its network. `name` is also the seed of its specimen: its spread, its noise, its
    serial.

    Lifecycle: `power_on` builds the tree and gives it a new boot id, `tick` moves its physics on by the time
    that has passed, `power_off` ends everything that runs on it.
    """

    def __init__(self, home: Path, name: str, kind: BoardKind) -> None:
        self.home = home
        self.name = name
        self._rng = random.Random(name)
        self.kind = individual(kind, self._rng)
        self.serial = "10000000" + hashlib.sha256(name.encode()).hexdigest()[:8]
        self.tree = HardwareTree(home / "board", self.kind, self.serial)
        self.die = thermal.at_rest(self.kind.silicon)
        self._drift_phase = self._rng.uniform(0, 2 * math.pi)
        self._load = RunLoad(self.farm_folder / "runs")
        self._ticked_s = time.monotonic()

    @property
    def farm_folder(self) -> Path:
        """What a farm sees as ``~/.pifarm``."""
        return self.home / ".pifarm"

    def power_on(self) -> None:
        """Boot: a tree as the kernel shows it, sticky bits cleared, notes for the agent."""
        self.die = thermal.at_rest(self.kind.silicon, ambient_c=self._ambient_c())
        self.tree.build()
        self.farm_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        notes = {
            "root": str(self.tree.root),
            "simulated": True,
            "python": sys.executable,
            "board": {"serial": self.serial, "boot_id": str(uuid.uuid4())},
        }
        (self.farm_folder / "board.json").write_text(json.dumps(notes, indent=1) + "\n")
        self._ticked_s = time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Move on to now: heat by what the active run has used since the last tick, and show it."""
        now_s = time.monotonic()
        dt_s, self._ticked_s = now_s - self._ticked_s, now_s
        utilisation = self._load.utilisation()
        requested_hz = self.tree.requested_hz(is_busy=utilisation > _BUSY_FROM)
        self.die = thermal.advance(
            self.kind.silicon,
            self.die,
            utilisation=utilisation,
            requested_hz=requested_hz,
            ambient_c=self._ambient_c(),
            dt_s=dt_s,
        )
        self.tree.show(self._readings(requested_hz))

    def power_off(self) -> None:
        """End, at once, whatever runs on this board."""
        doomed = {process.pid: process for process in self._load.processes()}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARKER) == str(self.home):
                    doomed[process.pid] = process
            except (psutil.Error, OSError):
                continue
        for process in doomed.values():
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(list(doomed.values()), timeout=5)

    def argv(self, command: str) -> list[str]:
        """What runs a shell command as a login on this board does: in its home, with its own programs first."""
        programs = f"{self.tree.root / 'usr/bin'}:{Path(sys.executable).parent}"
        return ["/bin/sh", "-c", _LOGIN, "sh", str(self.home), programs, command]

    def _readings(self, requested_hz: float) -> Readings:
        silicon, die, step_c = self.kind.silicon, self.die, self.kind.sensor_step_c
        noisy_c = die.junction_c + self._rng.gauss(0, SENSOR_NOISE_C)
        return Readings(
            temperature_c=round(noisy_c / step_c) * step_c,
            clock_hz=thermal.shown_clock_hz(silicon, die.clock_hz),
            requested_hz=requested_hz,
            core_volts=thermal.volts(silicon, die.clock_hz),
            throttled=die.bits,
            fan_level=die.fan_level,
            power_w=die.power_w,
        )

    def _ambient_c(self) -> float:
        turn = 2 * math.pi * time.monotonic() / AMBIENT_DRIFT_PERIOD_S
        return thermal.STANDARD_AMBIENT_C + AMBIENT_DRIFT_C * math.sin(turn + self._drift_phase)
