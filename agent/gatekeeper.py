"""The gate as pure rules: when a board may start, and what warms or cools it until then. No I/O.

Time comes in with every reading. What the board tends to and how long it will wait is `outlook`'s, how much the burner
burns is `thermostat`'s. Part of the measuring hash.
"""

import enum
import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from agent.cooling import NOTHING, Prior
from agent.outlook import TIMEOUT_TAUS, Outlook, warming_s
from agent.protocol import Reading, mean_foreign_cpu
from agent.thermostat import Thermostat
from agent.wire.spec import Gate

LIVE_BITS = 0b1111
MEAN_S = 10.0
WARMED_WITHIN_C, _ENTERS_WITHIN_C = 1.0, 0.8
_FALLS_S = 30.0  # after a load: until then a die may fall through the whole band


class GateStep(enum.Enum):
    """What the gate does now."""

    IDLE = "measuring the idle temperature"
    WARM = "warming"
    COOL = "cooling"
    HOLD = "holding"
    WAIT = "waiting"
    OPEN = "open"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate makes of a reading; `reason` names what it waits for, or what it could not check.

    `duty` is the share of all cores (0..1) that the burner keeps busy until the next one.
    """

    step: GateStep
    duty: float
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the run goes on."""
        return self.step in (GateStep.OPEN, GateStep.TIMED_OUT)


class GateKeeper:
    """Decides, reading by reading, when a board may start.

    Lifecycle: one per pass of the gate; `decide` with readings in order of time until the decision is final. A
    condition whose sensor is `absent` (a field of `Reading`) is skipped, and the final reason says so. `known` is what
    earlier gates of this board learnt of its cooling; it serves the forecast and the time-out, nothing else.
    """

    def __init__(self, gate: Gate, absent: Collection[str] = (), known: Prior = NOTHING) -> None:
        self.gate = gate
        self._absent = frozenset(absent)
        self.outlook = Outlook(gate, known)
        self.start_c = gate.start_c
        self.idle_c: float | None = None
        self.idle_error_c: float | None = None
        self.tau_s: float | None = None
        self.forecast_s: float | None = None
        self.ready_in_s: float | None = None
        self._history: deque[Reading] = deque()
        self._means: deque[tuple[float, float]] = deque()
        self._keep_s = gate.load_window_s + 1.0
        self._opened_s: float | None = None
        self._in_band_since_s: float | None = None
        self._thermostat: Thermostat | None = None
        self._duty = 0.0

    def decide(self, reading: Reading) -> Decision:
        """What to do after `reading`."""
        self._remember(reading)
        blocked = self._temperature(reading) or self._live_bits(reading) or self._load(reading)
        if blocked is None:
            return self._end(GateStep.OPEN, self._not_checked())
        step, reason = blocked
        if self.waited_s >= self.timeout_s:
            return self._end(GateStep.TIMED_OUT, reason)
        self._duty = self._burn(reading)
        self._look_ahead(step, reading)
        return Decision(step=step, duty=self._duty, reason=reason)

    @property
    def has_warmed(self) -> bool:
        """Whether the burner has had to warm the board."""
        return self._thermostat is not None and self._thermostat.is_engaged

    @property
    def timeout_s(self) -> float:
        """How long the gate waits at most: the protocol's time, or the time that the board needs to cool, if longer."""
        tau_s = self.outlook.tau_s if self._asks_start else None
        return self.gate.timeout_s if tau_s is None else max(self.gate.timeout_s, TIMEOUT_TAUS * tau_s)

    @property
    def waited_s(self) -> float:
        """Time between the first reading and the newest."""
        return self._history[-1].at_s - (self._opened_s or 0.0) if self._history else 0.0

    def _end(self, step: GateStep, reason: str) -> Decision:
        if self.idle_c is None and (found := self.outlook.equilibrium()) is not None and self._asks_start:
            self.idle_c, self.idle_error_c, self.tau_s = found.asymptote_c, found.error_c, found.tau_s
        return Decision(step=step, duty=0.0, reason=reason)

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
        if reading.temperature_c is None:
            return
        self._means.append((reading.at_s, reading.temperature_c))
        while self._means[0][0] < reading.at_s - max(MEAN_S, self.gate.mean_s):
            self._means.popleft()
        if self._asks_start:
            self.outlook.take(reading.at_s, reading.temperature_c, is_heated=self._duty > 0)

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
        found = self.outlook.settled()
        if found is None:
            return GateStep.IDLE, "finding the idle temperature"
        self.idle_c, self.idle_error_c, self.tau_s = found.asymptote_c, found.error_c, found.tau_s
        self.start_c = self.idle_c + above_c
        return self._band(reading, self.start_c)

    def _band(self, reading: Reading, start_c: float) -> tuple[GateStep, str] | None:
        mean_c = self._mean_c(reading.at_s, min(self.gate.mean_s, self.gate.hold_s))
        # what the burner warms it has to hold well; what cools by itself may be anywhere in the band
        band_c = self.gate.band_c
        if self.has_warmed:
            band_c = min(band_c, WARMED_WITHIN_C if self._in_band_since_s is not None else _ENTERS_WITHIN_C)
        if abs(mean_c - start_c) > band_c:
            self._in_band_since_s = None
            step = GateStep.WARM if mean_c < start_c else GateStep.COOL
            return step, f"temperature {mean_c:.1f} C, wanted {start_c:.1f} +- {self.gate.band_c:.1f} C"
        if self._in_band_since_s is None:
            self._in_band_since_s = reading.at_s
        held_s = reading.at_s - self._in_band_since_s
        if held_s < self.gate.hold_s:
            return GateStep.HOLD, f"temperature {mean_c:.1f} C held {held_s:.0f} of {self.gate.hold_s:.0f} s"
        return None

    def _burn(self, reading: Reading) -> float:
        now_c = reading.temperature_c
        if self.start_c is None or now_c is None:
            return 0.0
        if self._thermostat is None:
            self._thermostat = Thermostat(self.start_c)
        return self._thermostat.duty(reading.at_s, now_c)

    def _look_ahead(self, step: GateStep, reading: Reading) -> None:
        """Say how long it will still take; the first time that this can be told is the forecast."""
        if not self._asks_start or step is GateStep.WAIT or reading.temperature_c is None:
            self.ready_in_s = None
            return
        whole_s, is_sure = self._whole_wait_s(step, reading.at_s)
        self.ready_in_s = None if whole_s is None else max(0.0, min(whole_s, self.timeout_s) - self.waited_s)
        if is_sure and whole_s is not None and self.forecast_s is None:
            self.forecast_s = min(whole_s, self.timeout_s)

    def _whole_wait_s(self, step: GateStep, now_s: float) -> tuple[float | None, bool]:
        gate = self.gate
        if step is GateStep.HOLD and self._in_band_since_s is not None:
            return self._in_band_since_s - (self._opened_s or 0.0) + gate.hold_s, (
                self.has_warmed or self.waited_s >= _FALLS_S
            )
        if step is GateStep.WARM and self.start_c is not None:
            return self.waited_s + warming_s(self.start_c - self._mean_c(now_s, MEAN_S)) + gate.hold_s, True
        told = self.outlook.whole_wait_s(self.start_c)
        if told is not None:
            return told
        if step is GateStep.IDLE:
            return max(gate.idle_s, self.waited_s) + warming_s(gate.above_idle_c or 0.0) + gate.hold_s, False
        return None, False

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

    @property
    def _asks_start(self) -> bool:
        return self.gate.start_c is not None or self.gate.above_idle_c is not None

    @property
    def _asks_temperature(self) -> bool:
        gate = self.gate
        return any(limit_c is not None for limit_c in (gate.max_c, gate.start_c, gate.above_idle_c))

    def _mean_c(self, now_s: float, over_s: float) -> float:
        newest = [value_c for at_s, value_c in self._means if at_s >= now_s - over_s]
        return math.fsum(newest) / len(newest)

    def _not_checked(self) -> str:
        asked = {
            "temperature_c": self._asks_temperature,
            "throttled": self.gate.live_bits_clear,
            "foreign_cpu": self.gate.foreign_cpu_max is not None,
        }
        names = {"temperature_c": "temperature", "throttled": "throttle bits", "foreign_cpu": "foreign load"}
        missing = [names[name] for name, wanted in asked.items() if wanted and name in self._absent]
        return f"open; not checked for want of a sensor: {', '.join(missing)}" if missing else "open"
