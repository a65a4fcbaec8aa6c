"""Paced runs of simulated boards, and the highest rate that each of them really holds.

Everything is computed on a clock that is turned: `orchestrator.simulator.thermal` turns the die, an open loop of
inferences heats it by the share of each tick in which one runs, at a speed that falls with the clock.
"""

import functools
import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.wire.codec import encode
from benchmarks.thermal_truth.soaks import BOARD_TYPES, FAN_SHARE, FULL_RPM, NOISE_C, STEP_S, Plan, speed_of, started
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.pacing import ALLOWED_MISSES
from orchestrator.analysis.rate_search import Search
from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES, InferenceColumns, IntegerSeries, TelemetryColumns
from orchestrator.protocols import for_search, of_run
from orchestrator.simulator import thermal
from orchestrator.simulator.boards import BoardKind

NOISE, SPIKES, SPIKE = 0.01, 0.005, 1.10  # of an inference's time: lognormal, and how many are so much longer
ROOM_NOISE_C = 0.05
LONG_QUEUE = 60_000
SHORT_TICK_S = 0.1  # for inferences that heat in pulses
Floats = npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class OpenLoop:
    """Inferences of equal work but for noise, due a period after one another; none is skipped."""

    latency_s: float
    period_s: float
    ends_s: float
    noise: random.Random
    starts_s: list[float]
    durations_s: list[float]
    left_s: float = 0.0

    def spend(self, from_s: float, to_s: float, speed: float) -> float:
        """Infer from `from_s` to `to_s` at this speed; the share of the time in which one ran."""
        now_s, busy_s = from_s, 0.0
        while now_s < to_s:
            if len(self.durations_s) == len(self.starts_s):
                due_s = max(now_s, len(self.starts_s) * self.period_s)
                if due_s >= min(to_s, self.ends_s):
                    break
                self.starts_s.append(due_s)
                self.left_s, now_s = self._work_s(), due_s
            done_s = now_s + self.left_s / speed
            if done_s <= to_s:
                self.durations_s.append(done_s - self.starts_s[-1])
                busy_s, now_s = busy_s + done_s - now_s, done_s
            else:
                self.left_s -= (to_s - now_s) * speed
                busy_s, now_s = busy_s + to_s - now_s, to_s
        return busy_s / (to_s - from_s)

    def _work_s(self) -> float:
        return self.latency_s * _factor(self.noise)


def paced_run(
    kind: BoardKind, search: Search, rate_per_s: float, step_s: float, latency_s: float, seed: int
) -> RunFacts:
    """A step on this board in a room of 25 C, as its attempt would be stored; deterministic."""
    protocol = of_run(encode(for_search(search)), rate_per_s, step_s)
    load_s, idle_s = protocol.window.min_s, protocol.recorded_idle_s
    loop = OpenLoop(
        latency_s=latency_s,
        period_s=1 / rate_per_s,
        ends_s=load_s,
        noise=random.Random(seed),
        starts_s=[],
        durations_s=[],
    )
    silicon, plan = kind.silicon, Plan()
    die = started(silicon, plan)
    rows = []
    tick_s = SHORT_TICK_S if latency_s > STEP_S else STEP_S
    for tick in range(int((idle_s + load_s + protocol.recorded_cooling_s) / tick_s)):
        at_s = tick * tick_s - idle_s
        rows.append((at_s, die.junction_c, thermal.shown_clock_hz(silicon, die.clock_hz), die.bits, die.fan_level))
        speed = speed_of(silicon, thermal.shown_clock_hz(silicon, die.clock_hz))
        busy = loop.spend(at_s, at_s + tick_s, speed) if at_s >= 0.0 else 0.0
        die = thermal.advance(
            silicon, die, utilisation=busy, requested_hz=silicon.max_hz, ambient_c=plan.room_c, dt_s=tick_s
        )
    return RunFacts(
        protocol=protocol,
        board_type=next(type_ for prefix, type_ in BOARD_TYPES.items() if kind.name.startswith(prefix)),
        inferences=_inferences(loop, idle_s),
        telemetry=_telemetry(kind, np.array(rows)[:: round(1 / tick_s)], idle_s, np.random.default_rng(seed)),
    )


def true_rate(kind: BoardKind, latency_s: float, room_c: float = 25.0) -> float:
    """The highest rate that the board holds for ever: it settles at the soft limit, or deadlines are missed."""
    return min(cool_rate(kind, latency_s, room_c), busiest() / latency_s)


def cool_rate(kind: BoardKind, latency_s: float, room_c: float = 25.0) -> float:
    """The rate at which its peaks settle at the soft limit, one after another at most, whatever deadlines say.

    At the soft limit the clock is still the highest, and a fan turns as fast as it can. Inferences heat in pulses,
    which the junction follows by its own constant: its peak is above its mean by what that gives for a train of them.
    """
    silicon = kind.silicon
    resistance = silicon.junction_k_per_w + silicon.sink_k_per_w[-1]
    dynamic_w = silicon.load_w - silicon.idle_w - silicon.leakage_w(thermal.SOFT_LIMIT_C)
    mean_s = latency_s * math.exp(NOISE**2 / 2) * (1 + SPIKES * (SPIKE - 1))
    tau_s, _ = thermal.time_constants(silicon, len(silicon.sink_k_per_w) - 1)
    share, peak_c = 1.0, 0.0
    for _ in range(20):  # the peak follows from the share, and the share from the peak
        power_w = (thermal.SOFT_LIMIT_C - peak_c - room_c) / resistance
        share = (power_w - silicon.idle_w - silicon.leakage_w(thermal.SOFT_LIMIT_C)) / dynamic_w
        share = min(max(share, 1e-3), 1.0)
        top = math.expm1(-mean_s / tau_s) / math.expm1(-mean_s / share / tau_s)
        peak_c = dynamic_w * silicon.junction_k_per_w * (top - share)
    return share / mean_s


@functools.cache
def busiest() -> float:
    """The highest rate, in periods of the plain latency, at which at most the allowed share of deadlines is missed."""
    noise = random.Random(0)
    works = [_factor(noise) for _ in range(LONG_QUEUE)]
    low, high = 0.5, 1.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if _missed_share(works, 1 / middle) <= ALLOWED_MISSES else (low, middle)
    return low


def _missed_share(works: list[float], period: float) -> float:
    late, missed = 0.0, 0
    for work in works:
        late = max(0.0, late) + work - period
        missed += late > 0
    return missed / len(works)


def _factor(noise: random.Random) -> float:
    return noise.lognormvariate(0.0, NOISE) * (SPIKE if noise.random() < SPIKES else 1.0)


def _inferences(loop: OpenLoop, idle_s: float) -> InferenceColumns:
    count = len(loop.durations_s)
    starts_s = np.array(loop.starts_s[:count]) + idle_s
    return InferenceColumns(
        starts_ns=(starts_s * 1e9).astype(np.int64),
        durations_ns=(np.array(loop.durations_s) * 1e9).astype(np.int64),
        is_counted=np.ones(count, np.bool_),
        segments=np.zeros(count, np.int64),
    )


def _telemetry(kind: BoardKind, rows: Floats, idle_s: float, rng: np.random.Generator) -> TelemetryColumns:
    at_s, true_c, clock_hz, bits, level = rows.T
    count, step_c = len(at_s), kind.sensor_step_c
    floats = {name: np.full(count, np.nan) for name in FLOAT_SERIES}
    floats["temperature_c"] = np.round((true_c + rng.normal(0, NOISE_C, count)) / step_c) * step_c
    floats["clock_hz"], floats["requested_hz"] = clock_hz, np.full(count, kind.silicon.max_hz)
    floats["ambient_c"] = Plan().room_c + rng.normal(0, ROOM_NOISE_C, count)
    if kind.has_fan:
        floats["fan_rpm"] = FULL_RPM * np.array(FAN_SHARE)[level.astype(np.int64)]
    integers = {
        name: IntegerSeries(values=bits.astype(np.int64), is_present=np.full(count, name == "throttled"))
        for name in INTEGER_SERIES
    }
    return TelemetryColumns(at_ns=((at_s + idle_s) * 1e9).astype(np.int64), floats=floats, integers=integers)
