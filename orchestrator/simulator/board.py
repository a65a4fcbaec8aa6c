"""One simulated board: its home folder, its hardware tree, its heat, and the processes that belong to it."""

import hashlib
import json
import math
import random
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import psutil

from orchestrator.simulator import thermal
from orchestrator.simulator.boards import BoardKind, individual
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.fan import FanDrive
from orchestrator.simulator.guests import Guests
from orchestrator.simulator.hardware import HardwareTree, Readings
from orchestrator.simulator.load import RunLoad, ToldLoad
from orchestrator.simulator.scaled_time import ScaledClock, make_interpreter
from orchestrator.simulator.scenario import Scenario
from orchestrator.simulator.throttle_poll import ThrottlePoll

USER = "pi"
MARKER = "PIFARM_SIMULATED_BOARD"
"""In the environment of everything that a board runs, so that switching it off ends it, detached or not."""
_LOGIN = (
    "unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONSTARTUP;"
    f' export HOME="$1" PATH="$2:$PATH" USER={USER} LOGNAME={USER} {MARKER}="$1"; exec /bin/sh -c "$3"'
)
TICK_S = 0.25
SENSOR_NOISE_C = 0.4
AMBIENT_DRIFT_C = 1.0
AMBIENT_DRIFT_PERIOD_S = 3600.0
MEMORY_BOUND = 0.2
"""Share of an inference that no clock makes slower."""
_SHORTEST_TICK_S = 0.01
_BUSY_FROM = 0.02
_PLAIN = Scenario()


class BoardBody:
    """A board without its network. `name` is also the seed of its specimen: its spread, its noise, its
    serial.

    Lifecycle: `power_on` builds the tree and gives it a new boot id, `tick` moves its physics on by the time
    that has passed, `power_off` ends everything that runs on it.
    """

    def __init__(self, home: Path, name: str, kind: BoardKind, scenario: Scenario = _PLAIN) -> None:
        self.home = home
        self.name = name
        self.scenario = scenario
        self._rng = random.Random(name if scenario.seed is None else f"{name} {scenario.seed}")
        self._clock = ScaledClock(scenario.time_scale, time.monotonic())
        self.kind = individual(kind, self._rng)
        self.serial = "10000000" + hashlib.sha256(name.encode()).hexdigest()[:8]
        self.tree = HardwareTree(home / "board", self.kind, self.serial)
        self.die = thermal.at_rest(self.kind.silicon)
        self.conditions = scenario.at(0.0)
        self._guests = Guests(self.argv)
        self._fan, self._poll = FanDrive(), ThrottlePoll()
        self._drift_phase = self._rng.uniform(0, 2 * math.pi)
        self._load = RunLoad(self.farm_folder / "runs", self._clock)
        self._told = ToldLoad(self._clock)
        self._ticked_s = self._first_s = self._clock()

    @property
    def farm_folder(self) -> Path:
        """What a farm sees as ``~/.pifarm``."""
        return self.home / ".pifarm"

    @property
    def cores(self) -> int:
        """Cores that a run can use: four, or as many as this machine has."""
        return self._load.cores

    @property
    def tick_s(self) -> float:
        """How often the host's clock should turn it: four times a second of its own, as often as is cheap."""
        return max(TICK_S / self._clock.scale, _SHORTEST_TICK_S)

    def in_host_time(self, answer: bytes) -> bytes:
        """A line that its agent answers with, the seconds in it made the host's: who asks lives by those."""
        if not self._is_scaled or b'"next_report_in_s":' not in answer:
            return answer
        told = json.loads(answer)
        for name in ("next_report_in_s", "ready_in_s"):
            if told["status"].get(name) is not None:
                told["status"][name] /= self._clock.scale
        return json.dumps(told, separators=(",", ":")).encode() + b"\n"

    @property
    def _is_scaled(self) -> bool:
        return self._clock.scale != 1.0

    @property
    def _python(self) -> Path:
        return self.home / "python/bin/python3" if self._is_scaled else Path(sys.executable)

    def power_on(self) -> None:
        """Boot: a tree as the kernel shows it, sticky bits cleared, notes for the agent."""
        self.die = thermal.at_rest(self.kind.silicon, ambient_c=self._ambient_c())
        self._fan, self._poll = FanDrive(), ThrottlePoll()
        self.tree.build()
        self.farm_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        board: dict[str, object] = {"serial": self.serial, "boot_id": str(uuid.uuid4())}
        if self._is_scaled:
            make_interpreter(self.home / "python", self._clock)
            board["time_scale"] = self._clock.scale
        notes = {"root": str(self.tree.root), "simulated": True, "python": str(self._python), "board": board}
        (self.farm_folder / "board.json").write_text(json.dumps(notes, indent=1) + "\n")
        self._ticked_s = self._clock()
        self.tick()

    def tick(self) -> None:
        """Move on to now: heat by what the active run has used since the last tick, and show it."""
        now_s = self._clock()
        if self.scenario.steps:
            self.conditions = self.scenario.at(now_s - self._first_s)
        dt_s, self._ticked_s = now_s - self._ticked_s, now_s
        self._guests.keep(self.conditions.busy_cores)
        busy_hz = self.tree.requested_hz(is_busy=True)
        utilisation = self._utilisation()
        requested_hz = busy_hz if utilisation > _BUSY_FROM else self.tree.requested_hz(is_busy=False)
        self._advance(utilisation, requested_hz, dt_s)
        self.tree.count_clock(requested_hz, dt_s)
        self._poll.look(self.die.bits & thermal.LIVE_BITS, now_s)
        self.tree.show(self._readings(requested_hz))
        self.tree.keep_pace(self._slowdown(busy_hz), self._load.cores)

    def _utilisation(self) -> float:
        """Share (0..1) of all cores: of its run, and of whoever its conditions say uses it too."""
        run = self._load.utilisation() + self._told.utilisation(*self.tree.told_work())
        return min(run + self.conditions.busy_cores / self._load.cores, 1.0)

    def _advance(self, utilisation: float, requested_hz: float, dt_s: float) -> None:
        if (written_pwm := self.tree.written_fan()) is not None:
            self._fan.write(written_pwm)
        forgotten = self.tree.take_forgotten_bits()
        self.die = thermal.advance(
            self.kind.silicon,
            replace(self.die, bits=self.die.bits & ~forgotten),
            utilisation=utilisation,
            requested_hz=min(requested_hz, self.conditions.cap_hz or requested_hz),
            ambient_c=self._ambient_c(),
            dt_s=dt_s,
            is_under_voltage=self.conditions.is_under_voltage,
            fan_level=0 if self.conditions.is_fan_stopped else self._fan.level,
        )
        self._fan.govern(self.die.fan_level)

    def put_under(self, conditions: Conditions) -> None:
        """Live under these conditions from the next tick on; a scenario with steps goes on by its own."""
        self.conditions = conditions

    def heat_to(self, celsius: float) -> None:
        """Be as warm as this at once, through and through."""
        self.die = replace(self.die, junction_c=celsius, board_c=celsius)

    def brown_out(self) -> None:
        """Lack voltage for a moment that no reading catches: only the sticky bit tells."""
        self._poll.note(thermal.UNDER_VOLTAGE)
        self._set_bits(thermal.UNDER_VOLTAGE << thermal.STICKY_SHIFT)

    def make_busy(self, cores: int, seconds: float) -> None:
        """Be used by somebody else: real processes of the host, which end by themselves. They warm nothing."""
        self._guests.come(cores, seconds)

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
        self._guests.leave()

    def argv(self, command: str) -> list[str]:
        """What runs a shell command as a login on this board does: in its home, with its own programs first."""
        programs = f"{self.tree.root / 'usr/bin'}:{self._python.parent}"
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
            polled=self._poll.shown,
            fan_pwm=self._fan.pwm,
            fan_level=self._fan.level,
            fan_rpm=0 if self.conditions.is_fan_stopped else self._fan.rpm,
            power_w=die.power_w,
            room_c=self._ambient_c() if self.conditions.has_thermometer else None,
        )

    def _slowdown(self, busy_hz: float) -> float:
        """Of an inference, by the clock that it would run at: a governor that saves clock at rest slows none."""
        clock_hz = min(busy_hz, self.die.cap_hz, self.conditions.cap_hz or busy_hz)
        return thermal.slowdown(self.kind.silicon, thermal.shown_clock_hz(self.kind.silicon, clock_hz), MEMORY_BOUND)

    def _set_bits(self, bits: int) -> None:
        self.die = replace(self.die, bits=self.die.bits | bits)

    def _ambient_c(self) -> float:
        if self.conditions.room_c is not None:
            return self.conditions.room_c
        turn = 2 * math.pi * self._clock() / AMBIENT_DRIFT_PERIOD_S
        return thermal.STANDARD_AMBIENT_C + AMBIENT_DRIFT_C * math.sin(turn + self._drift_phase)
