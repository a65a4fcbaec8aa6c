"""The gate as pure rules: when a board may start, and what warms or cools it until then. No I/O.

Time comes in with every reading. Part of the measuring hash.
"""

import enum
import statistics
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from agent.protocol import Reading, mean_foreign_cpu
from agent.wire.spec import Gate

LIVE_BITS = 0b1111
MEAN_S = 10.0
_BURN_LOW_WITHIN_C = 3.0


class GateStep(enum.Enum):
    """What the gate does now."""

    IDLE = "measuring the idle temperature"
    WARM = "warming"
    COOL = "cooling"
    HOLD = "holding"
    WAIT = "waiting"
    OPEN = "open"
    TIMED_OUT = "timed out"


class Burner(enum.Enum):
    """How much heat the gate asks for: none, one busy core, all cores."""

    OFF = "off"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate makes of a reading; `reason` names what it waits for, or what it could not check."""

    step: GateStep
    burner: Burner
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the run goes on."""
        return self.step in (GateStep.OPEN, GateStep.TIMED_OUT)


class GateKeeper:
    """Decides, reading by reading, when a board may start.

    Lifecycle: one per pass of the gate; `decide` with readings in order of time until the decision is final. A
    condition whose sensor is `absent` (a field of `Reading`) is skipped, and the final reason says so.
    """

    def __init__(self, gate: Gate, absent: Collection[str] = ()) -> None:
        self.gate = gate
        self._absent = frozenset(absent)
        self.start_c = gate.start_c
        self.idle_c: float | None = None
        self._history: deque[Reading] = deque()
        self._keep_s = max(MEAN_S, gate.load_window_s, gate.idle_s) + 1.0
        self._opened_s: float | None = None
        self._idle_since_s: float | None = None
        self._in_band_since_s: float | None = None

    def decide(self, reading: Reading) -> Decision:
        """What to do after `reading`."""
        self._remember(reading)
        blocked = self._temperature(reading) or self._live_bits(reading) or self._load(reading)
        burner = self._burner(reading)
        if blocked is None:
            return Decision(step=GateStep.OPEN, burner=Burner.OFF, reason=self._not_checked())
        step, reason = blocked
        if self.waited_s >= self.gate.timeout_s:
            return Decision(step=GateStep.TIMED_OUT, burner=Burner.OFF, reason=reason)
        return Decision(step=step, burner=Burner.OFF if step is GateStep.IDLE else burner, reason=reason)

    @property
    def waited_s(self) -> float:
        """Time between the first reading and the newest."""
        return self._history[-1].at_s - (self._opened_s or 0.0) if self._history else 0.0

    @property
    def foreign_cpu(self) -> float | None:
        """Mean foreign load over the gate's load window."""
        return mean_foreign_cpu(self._history, self.gate.load_window_s)

    def _remember(self, reading: Reading) -> None:
        if self._opened_s is None:
            self._opened_s = reading.at_s
        self._history.append(reading)
        while self._history[0].at_s < reading.at_s - self._keep_s:
            self._history.popleft()

    def _temperature(self, reading: Reading) -> tuple[GateStep, str] | None:
        if "temperature_c" in self._absent or not self._asks_temperature:
            return None
        now_c = reading.temperature_c
        if now_c is None:
            return GateStep.WAIT, "temperature: the sensor gave nothing"
        if self.start_c is None and self.gate.above_idle_c is not None:
            return self._idle(reading, self.gate.above_idle_c)
        if self.gate.max_c is not None and now_c > self.gate.max_c:
            return GateStep.COOL, f"temperature {now_c:.1f} C, wanted at most {self.gate.max_c:.1f} C"
        return None if self.start_c is None else self._band(reading, self.start_c)

    def _idle(self, reading: Reading, above_c: float) -> tuple[GateStep, str] | None:
        if self._idle_since_s is None:
            self._idle_since_s = reading.at_s
        if reading.at_s - self._idle_since_s < self.gate.idle_s:
            return GateStep.IDLE, f"idle temperature over {self.gate.idle_s:.0f} s"
        self.idle_c = self._mean_c(reading.at_s, self.gate.idle_s)
        self.start_c = self.idle_c + above_c
        return self._band(reading, self.start_c)

    def _band(self, reading: Reading, start_c: float) -> tuple[GateStep, str] | None:
        mean_c = self._mean_c(reading.at_s, min(MEAN_S, self.gate.hold_s))
        wanted = f"wanted {start_c:.1f} +- {self.gate.band_c:.1f} C"
        if abs(mean_c - start_c) > self.gate.band_c:
            self._in_band_since_s = None
            step = GateStep.WARM if mean_c < start_c else GateStep.COOL
            return step, f"temperature {mean_c:.1f} C, {wanted}"
        if self._in_band_since_s is None:
            self._in_band_since_s = reading.at_s
        held_s = reading.at_s - self._in_band_since_s
        if held_s < self.gate.hold_s:
            return GateStep.HOLD, f"temperature {mean_c:.1f} C held {held_s:.0f} of {self.gate.hold_s:.0f} s"
        return None

    def _live_bits(self, reading: Reading) -> tuple[GateStep, str] | None:
        if not self.gate.live_bits_clear or "throttled" in self._absent:
            return None
        if reading.throttled is None:
            return GateStep.WAIT, "throttle bits: the firmware gave nothing"
        live = reading.throttled & LIVE_BITS
        return (GateStep.WAIT, f"live throttle bits 0x{live:x}") if live else None

    def _load(self, reading: Reading) -> tuple[GateStep, str] | None:
        allowed = self.gate.foreign_cpu_max
        if allowed is None or "foreign_cpu" in self._absent:
            return None
        if self.waited_s < self.gate.load_window_s:
            return GateStep.WAIT, f"foreign load over {self.gate.load_window_s:.1f} s"
        foreign = self.foreign_cpu
        if foreign is None:
            return GateStep.WAIT, "foreign load: the kernel gave nothing"
        if foreign <= allowed:
            return None
        return GateStep.WAIT, f"foreign load {foreign:.1%}, wanted at most {allowed:.1%}"

    def _burner(self, reading: Reading) -> Burner:
        now_c = reading.temperature_c
        if self.start_c is None or now_c is None or now_c >= self.start_c:
            return Burner.OFF
        return Burner.LOW if now_c > self.start_c - _BURN_LOW_WITHIN_C else Burner.HIGH

    @property
    def _asks_temperature(self) -> bool:
        gate = self.gate
        return any(limit_c is not None for limit_c in (gate.max_c, gate.start_c, gate.above_idle_c))

    def _mean_c(self, now_s: float, over_s: float) -> float:
        return statistics.fmean(
            reading.temperature_c
            for reading in self._history
            if reading.temperature_c is not None and reading.at_s >= now_s - over_s
        )

    def _not_checked(self) -> str:
        asked = {
            "temperature_c": self._asks_temperature,
            "throttled": self.gate.live_bits_clear,
            "foreign_cpu": self.gate.foreign_cpu_max is not None,
        }
        names = {"temperature_c": "temperature", "throttled": "throttle bits", "foreign_cpu": "foreign load"}
        missing = [names[name] for name, wanted in asked.items() if wanted and name in self._absent]
        return f"open; not checked for want of a sensor: {', '.join(missing)}" if missing else "open"
