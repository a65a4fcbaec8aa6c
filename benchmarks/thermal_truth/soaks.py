"""Soaks of simulated boards: `orchestrator.simulator.thermal` turns the die, a sensor with noise and steps reads it.

Everything is computed on a clock that is turned. The simulator's model has no under-voltage, no other programs and no
inferences: these are laid over it here. An inference is an amount of work, done at a speed that falls with the clock
that the board shows but for its memory-bound share. (The model's power follows a clock without steps.)
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.thermal.curve import Soak
from orchestrator.simulator import thermal
from orchestrator.simulator.boards import BoardKind, board_kind, individual
from orchestrator.simulator.thermal import Die, Silicon

NOISE_C = 0.4
STEP_S = 0.5
FULL_RPM = 8000.0
FAN_SHARE = (0.0, 0.3, 0.5, 0.7, 1.0)
MEMORY_BOUND = 0.2
IDLE_S, COOLING_S = 120.0, 600.0
ROOM_C = 25.0
Floats = npt.NDArray[np.float64]
Room = Callable[[float], float]


def _variant(name: str, **changes: object) -> BoardKind:
    kind = board_kind("pi4-bare")
    return replace(kind, name=name, silicon=replace(kind.silicon, **changes))  # type: ignore[arg-type]  # named fields


KINDS: Mapping[str, BoardKind] = {
    "pi5-active-cooler": board_kind("pi5-active-cooler"),
    "pi5-bare": board_kind("pi5-bare"),
    "pi4-bare": board_kind("pi4-bare"),
    "pi4-heatsink": board_kind("pi4-heatsink"),
    "pi4-case": _variant(
        "pi4-case", junction_k_per_w=1.8, junction_j_per_k=10.0, sink_k_per_w=(4.5,), board_j_per_k=150.0
    ),
    "pi4-fan": _variant("pi4-fan", junction_k_per_w=2.0, junction_j_per_k=6.0, sink_k_per_w=(3.0,), board_j_per_k=40.0),
    "pi3b": board_kind("pi3b"),
    "zero2w": board_kind("zero2w"),
}
BOARD_TYPES = {"pi5": "pi5", "pi4": "pi4", "pi3b": "pi3", "zero2w": "pi0-2w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated. `brown_out_s` and `guest_s`: when the supply sags, or another program takes a third.

    `extra_c` is a step of the room that its sensor, where there is one, does not see: (second, kelvin).
    """

    room_c: float = ROOM_C
    load_s: float = 1200.0
    latency_s: float = 0.2
    has_ambient: bool = True
    has_power: bool = True
    start_above_c: float = 6.0
    brown_out_s: float | None = None
    guest_s: float | None = None
    extra_c: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """A simulated soak and what was true: the throttling's first moment, and the board."""

    soak: Soak
    silicon: Silicon
    first_live_s: float | None
    true_c: Floats = field(repr=False)
    level: int = 0


def specimen(name: str, seed: int) -> BoardKind:
    """One board of a kind, with its own voltage and sink."""
    return individual(KINDS[name], random.Random(f"{name}-{seed}"))


def simulate(kind: BoardKind, plan: Plan, seed: int) -> Truth:
    """A soak of this board: warmed, cooled to its start, idle, loaded, cooled; deterministic."""
    rng = np.random.default_rng(seed)
    silicon, die = kind.silicon, started(kind.silicon, plan)
    ticks = int((IDLE_S + plan.load_s + COOLING_S) / STEP_S)
    begin, end = int(IDLE_S / STEP_S), int((IDLE_S + plan.load_s) / STEP_S)
    rows, speeds = [], np.zeros(ticks)
    first_live_s: float | None = None
    for tick in range(ticks):
        at_s = tick * STEP_S - IDLE_S
        is_low = plan.brown_out_s is not None and plan.brown_out_s <= at_s
        has_guest = plan.guest_s is not None and plan.guest_s <= at_s
        cap_hz = silicon.min_hz if is_low else silicon.max_hz
        bits = die.bits | (thermal.UNDER_VOLTAGE | thermal.THROTTLED if is_low and begin <= tick < end else 0)
        rows.append((at_s, die.junction_c, die.clock_hz, bits, die.power_w, die.fan_level, 0.33 if has_guest else 0.0))
        if bits & 0xF and first_live_s is None and begin <= tick < end:
            first_live_s = at_s
        speeds[tick] = speed_of(silicon, thermal.shown_clock_hz(silicon, die.clock_hz)) * (0.67 if has_guest else 1.0)
        die = _after(silicon, die, 1.0 if begin <= tick < end else 0.0, _room(plan, at_s), cap_hz)
    at, true_c, clock, bit, watts, level, guest = (np.array(each) for each in zip(*rows, strict=True))
    picked = np.arange(0, ticks, int(1 / STEP_S))
    starts_s, durations_s = _inferences(at[begin:end], speeds[begin:end], plan.latency_s, rng)
    count, step_c = len(picked), kind.sensor_step_c
    seen_c = np.round((true_c[picked] + rng.normal(0, NOISE_C, count)) / step_c) * step_c
    has_power = plan.has_power and kind.has_power_meter
    soak = Soak(
        board_type=next(type_ for prefix, type_ in BOARD_TYPES.items() if kind.name.startswith(prefix)),
        at_s=at[picked],
        die_c=seen_c,
        clock_hz=np.array([thermal.shown_clock_hz(silicon, hz) for hz in clock[picked].tolist()]),
        requested_hz=np.full(count, silicon.max_hz),
        bits=bit[picked].astype(np.int64),
        ambient_c=plan.room_c + rng.normal(0, 0.05, count) if plan.has_ambient else np.full(count, np.nan),
        power_w=watts[picked] * (1 + rng.normal(0, 0.02, count)) if has_power else np.full(count, np.nan),
        fan_rpm=FULL_RPM * np.array(FAN_SHARE)[level[picked].astype(np.int64)]
        if kind.has_fan
        else np.full(count, np.nan),
        foreign_cpu=guest[picked],
        starts_s=starts_s,
        durations_s=durations_s,
    )
    last_level = int(np.bincount(level[begin:end].astype(np.int64)).argmax())
    return Truth(soak=soak, silicon=silicon, first_live_s=first_live_s, true_c=true_c[picked], level=last_level)


def effective(silicon: Silicon, level: int) -> tuple[float, float, float, float]:
    """What a fit can find, leakage being a feedback: gain in K, R_total in K/W, fast and slow constant in s."""
    r1, r2 = silicon.junction_k_per_w, silicon.sink_k_per_w[level]
    leak = silicon.idle_w * thermal.LEAKAGE_PER_K
    dynamic_w = silicon.load_w - silicon.idle_w - silicon.leakage_w(thermal.SOFT_LIMIT_C)
    a, b = (leak - 1 / r1) / silicon.junction_j_per_k, 1 / (r1 * silicon.junction_j_per_k)
    c, d = 1 / (r1 * silicon.board_j_per_k), -(1 / r1 + 1 / r2) / silicon.board_j_per_k
    slow, fast = thermal.eigenvalues(a, b, c, d)
    return dynamic_w * (r1 + r2) / (1 - leak * (r1 + r2)), r1 + r2, -1 / fast, -1 / slow


def started(silicon: Silicon, plan: Plan) -> Die:
    """A board that has been warmed and has cooled to its start temperature."""
    die = replace(thermal.at_rest(silicon, ambient_c=plan.room_c), clock_hz=silicon.max_hz)
    start_c = die.junction_c + plan.start_above_c
    for _ in range(240):
        die = _after(silicon, die, 0.7, plan.room_c, silicon.max_hz)
    for _ in range(8000):
        if die.junction_c <= start_c:
            break
        die = _after(silicon, die, 0.0, plan.room_c, silicon.max_hz)
    return die


def _after(silicon: Silicon, die: Die, load: float, room_c: float, cap_hz: float) -> Die:
    return thermal.advance(silicon, die, utilisation=load, requested_hz=cap_hz, ambient_c=room_c, dt_s=STEP_S)


def _room(plan: Plan, at_s: float) -> float:
    from_s, by_c = plan.extra_c
    return plan.room_c + (by_c if at_s >= from_s else 0.0)


def speed_of(silicon: Silicon, clock_hz: float) -> float:
    return 1 / (MEMORY_BOUND + (1 - MEMORY_BOUND) * silicon.max_hz / clock_hz)


def _inferences(at: Floats, speeds: Floats, latency_s: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Back to back inferences of equal work but for 1 % of noise, one in a hundred 15 % longer."""
    done = np.concatenate(([0.0], np.cumsum(speeds * STEP_S)))
    edges = np.append(at, at[-1] + STEP_S)
    count = int(done[-1] / latency_s * 1.1) + 2
    work = latency_s * np.exp(rng.normal(0, 0.01, count)) * np.where(rng.random(count) < 0.01, 1.15, 1.0)
    ends = np.cumsum(work)
    ends = ends[ends <= done[-1]]
    moments = np.concatenate(([at[0]], np.interp(ends, done, edges)))
    return moments[:-1], np.diff(moments)
