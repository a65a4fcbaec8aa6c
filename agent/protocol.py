"""The controlled procedure as pure rules: gate, warm-up, window, stop. No I/O; time comes in with every reading.

The agent asks `GateKeeper` before a run and `is_disturbed` after the warm-up; the measuring process asks `is_steady`
and gets its bounds from `warm_up_bounds` and `window_bounds`. These sources are part of the measuring hash.
"""

import enum
import itertools
import statistics
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agent.wire.spec import Gate, Protocol, WarmUp, Window

LIVE_BITS = 0b1111
MEAN_S = 10.0
MAX_RETURNS_TO_GATE = 3
_BURN_LOW_WITHIN_C = 3.0
_REPORT_SLACK_S = 0.25
_STEADY_SLACK = 1.5


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
class Reading:
    """One look at the board; None is a sensor that gave nothing. `foreign_cpu` is since the reading before."""

    at_s: float
    temperature_c: float | None = None
    throttled: int | None = None
    foreign_cpu: float | None = None


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


def mean_foreign_cpu(readings: Iterable[Reading], over_s: float) -> float | None:
    """Time-weighted mean of the foreign load in the newest `over_s` seconds, None where nothing is known."""
    ordered = list(readings)
    total = weight = 0.0
    for before, after in itertools.pairwise(ordered):
        if after.foreign_cpu is not None and after.at_s > ordered[-1].at_s - over_s:
            total += after.foreign_cpu * (after.at_s - before.at_s)
            weight += after.at_s - before.at_s
    return total / weight if weight > 0 else None


def is_disturbed(gate: Gate, readings: Sequence[Reading], *, tick_share: float) -> bool:
    """Whether others used more than the gate allows during the warm-up; `tick_share` is the counters' resolution."""
    foreign = mean_foreign_cpu(readings, gate.load_window_s)
    return gate.foreign_cpu_max is not None and foreign is not None and foreign > gate.foreign_cpu_max + tick_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """When a stretch of inferences ends: both minima, or the maximum."""

    min_inferences: int
    min_ns: int
    max_ns: int


def warm_up_bounds(warm_up: WarmUp) -> Bounds:
    """The warm-up's bounds, before any question of steadiness."""
    return _bounds(warm_up.min_inferences, warm_up.min_s, warm_up.max_s)


def window_bounds(window: Window) -> Bounds:
    """The window's bounds."""
    return _bounds(window.min_inferences, window.min_s, window.max_s)


def is_steady(durations_ns: Sequence[int], within: float) -> bool:
    """Whether the medians of the two newer thirds of a warm-up agree within a share of the newest."""
    third = len(durations_ns) // 3
    if third < 1:
        return False
    newest = statistics.median(durations_ns[-third:])
    before = statistics.median(durations_ns[-2 * third : -third])
    return abs(newest - before) <= within * newest


def estimate_s(bounds: Bounds, inference_s: float) -> float:
    """How long a stretch will take if an inference takes `inference_s`."""
    needed_s = max(bounds.min_ns / 1e9, bounds.min_inferences * inference_s)
    return min(needed_s, bounds.max_ns / 1e9) + inference_s


def estimate_quiet_s(protocol: Protocol, first_s: float) -> tuple[float, float]:
    """Seconds of warm-up, and of warm-up and window with a little slack, from the first inference's time."""
    warm_up_s = estimate_s(warm_up_bounds(protocol.warm_up), first_s)
    if protocol.warm_up.steady_within is not None:  # better to come a little late than into the window
        warm_up_s = min(warm_up_s * _STEADY_SLACK, protocol.warm_up.max_s)
    return warm_up_s, warm_up_s + estimate_s(window_bounds(protocol.window), first_s) + _REPORT_SLACK_S


def _bounds(min_inferences: int, min_s: float, max_s: float) -> Bounds:
    return Bounds(min_inferences=min_inferences, min_ns=int(min_s * 1e9), max_ns=int(max_s * 1e9))
