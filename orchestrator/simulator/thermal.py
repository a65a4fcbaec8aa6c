"""How a board's die warms, and what its firmware does about it. Pure: state in, state out.

Two thermal nodes, junction and board: ``C1 dTj/dt = P - (Tj-Tb)/R1``, ``C2 dTb/dt = (Tj-Tb)/R1 -
(Tb-Ta)/R2``, solved exactly for a step of constant power. Power follows utilisation, clock and voltage (``f
V(f)^2``), plus leakage that grows with the die's temperature above idle. Parameters and the throttle law are
fitted to published curves of real boards; they live in `boards.py`.
"""

import math
from dataclasses import dataclass, replace

SOFT_LIMIT_C = 80.0
HARD_LIMIT_C = 85.0
SLEW_HZ_PER_S = 60e6
LEAKAGE_PER_K = 0.003
FAN_TRIPS_C = (50.0, 60.0, 67.5, 75.0)
FAN_HYSTERESIS_C = 5.0
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMITED = 1 << 0, 1 << 1, 1 << 2, 1 << 3
STICKY_SHIFT = 16
LIVE_BITS = (1 << STICKY_SHIFT) - 1
STANDARD_AMBIENT_C = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silicon:
    """What decides how a board heats. `voltage` is (hertz, volt), ascending; `sink_k_per_w` one value a fan level.

    `early_limit` is a 3B+'s: the temperature (`temp_soft_limit`) from which on it runs at most at a lower clock.
    """

    idle_w: float
    load_w: float
    min_hz: float
    max_hz: float
    clock_step_hz: float
    voltage: tuple[tuple[float, float], ...]
    junction_k_per_w: float
    junction_j_per_k: float
    sink_k_per_w: tuple[float, ...]
    board_j_per_k: float
    early_limit: tuple[float, float] | None = None

    @property
    def idle_c(self) -> float:
        """Die temperature at rest in the standard ambient, the fan off."""
        return STANDARD_AMBIENT_C + self.idle_w * (self.junction_k_per_w + self.sink_k_per_w[0])

    def leakage_w(self, junction_c: float) -> float:
        """What a die leaks more than it does at rest."""
        return self.idle_w * LEAKAGE_PER_K * (junction_c - self.idle_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Die:
    """The state of a board's silicon. `cap_hz` is what the firmware lets pass, `clock_hz` what really runs,
    `fan_level` what the kernel's governor wants of a fan."""

    junction_c: float
    board_c: float
    cap_hz: float
    clock_hz: float
    fan_level: int = 0
    bits: int = 0
    power_w: float = 0.0


def at_rest(silicon: Silicon, *, ambient_c: float = STANDARD_AMBIENT_C) -> Die:
    """A board that has idled for hours."""
    board_c = ambient_c + silicon.idle_w * silicon.sink_k_per_w[0]
    junction_c = board_c + silicon.idle_w * silicon.junction_k_per_w
    return Die(
        junction_c=junction_c,
        board_c=board_c,
        cap_hz=silicon.max_hz,
        clock_hz=silicon.min_hz,
        power_w=silicon.idle_w,
    )


def advance(
    silicon: Silicon,
    die: Die,
    *,
    utilisation: float,
    requested_hz: float,
    ambient_c: float,
    dt_s: float,
    is_under_voltage: bool = False,
    fan_level: int | None = None,
) -> Die:
    """The die after `dt_s` in which `utilisation` (0..1) of all cores was busy at the present clock.

    Low voltage takes the clock to its lowest at once and shows bits 0 and 2 (raspberrypi/firmware#615).
    `fan_level` is where the fan really turns, where that is not what the die asks for.
    """
    power_w = power(silicon, die, utilisation=utilisation)
    junction_c, board_c = relax(
        silicon,
        die.junction_c,
        die.board_c,
        power_w=power_w,
        ambient_c=ambient_c,
        fan_level=die.fan_level if fan_level is None else fan_level,
        dt_s=dt_s,
    )
    live = live_bits(silicon, junction_c) | (UNDER_VOLTAGE | THROTTLED if is_under_voltage else 0)
    change_hz = SLEW_HZ_PER_S * dt_s
    cap_hz = min(max(allowed_hz(silicon, junction_c), die.cap_hz - change_hz), die.cap_hz + change_hz)
    cap_hz = silicon.min_hz if is_under_voltage else cap_hz
    return replace(
        die,
        junction_c=junction_c,
        board_c=board_c,
        cap_hz=cap_hz,
        clock_hz=min(requested_hz, cap_hz),
        fan_level=_fan_level(silicon, die.fan_level, junction_c),
        bits=(die.bits >> STICKY_SHIFT << STICKY_SHIFT) | live | live << STICKY_SHIFT,
        power_w=power_w,
    )


def relax(
    silicon: Silicon,
    junction_c: float,
    board_c: float,
    *,
    power_w: float,
    ambient_c: float,
    fan_level: int,
    dt_s: float,
) -> tuple[float, float]:
    """Junction and board temperature after `dt_s` of constant power: ``x_inf + exp(A dt) (x - x_inf)``."""
    r1, r2 = silicon.junction_k_per_w, silicon.sink_k_per_w[fan_level]
    a, b = -1 / (r1 * silicon.junction_j_per_k), 1 / (r1 * silicon.junction_j_per_k)
    c, d = 1 / (r1 * silicon.board_j_per_k), -(1 / r1 + 1 / r2) / silicon.board_j_per_k
    slow, fast = eigenvalues(a, b, c, d)
    settled_board_c = ambient_c + power_w * r2
    settled_junction_c = settled_board_c + power_w * r1
    x, y = junction_c - settled_junction_c, board_c - settled_board_c
    e_slow, e_fast = math.exp(slow * dt_s), math.exp(fast * dt_s)
    to_x = (e_slow * ((a - fast) * x + b * y) - e_fast * ((a - slow) * x + b * y)) / (slow - fast)
    to_y = (e_slow * (c * x + (d - fast) * y) - e_fast * (c * x + (d - slow) * y)) / (slow - fast)
    return settled_junction_c + to_x, settled_board_c + to_y


def time_constants(silicon: Silicon, fan_level: int = 0) -> tuple[float, float]:
    """Fast and slow time constant in seconds: the network's own, without leakage and throttling."""
    r1, r2 = silicon.junction_k_per_w, silicon.sink_k_per_w[fan_level]
    a, c = 1 / (r1 * silicon.junction_j_per_k), 1 / (r1 * silicon.board_j_per_k)
    slow, fast = eigenvalues(-a, a, c, -(1 / r1 + 1 / r2) / silicon.board_j_per_k)
    return -1 / fast, -1 / slow


def slowdown(silicon: Silicon, clock_hz: float, memory_bound: float) -> float:
    """How many times longer an inference takes at a clock than at the highest; its memory-bound share never changes."""
    return memory_bound + (1 - memory_bound) * silicon.max_hz / clock_hz


def eigenvalues(a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """The two real eigenvalues of [[a, b], [c, d]], the slow one first; negative for a thermal network."""
    half, root = (a + d) / 2, math.sqrt(((a - d) / 2) ** 2 + b * c)
    return half + root, half - root


def power(silicon: Silicon, die: Die, *, utilisation: float) -> float:
    """Watts at the board's input. `load_w` was read on a hot board, so it holds the leakage of one."""
    leakage_w = silicon.leakage_w(die.junction_c)
    dynamic_w = silicon.load_w - silicon.idle_w - silicon.leakage_w(SOFT_LIMIT_C)
    top_volts = volts(silicon, silicon.max_hz)
    share = die.clock_hz * volts(silicon, die.clock_hz) ** 2 / (silicon.max_hz * top_volts**2)
    return silicon.idle_w + leakage_w + dynamic_w * min(max(utilisation, 0.0), 1.0) * share


def volts(silicon: Silicon, clock_hz: float) -> float:
    """Core voltage at a clock, between the operating points that are known."""
    (below_hz, below_v), *others = silicon.voltage
    for hz, volt in others:
        if clock_hz <= hz:
            return below_v + (volt - below_v) * min(max((clock_hz - below_hz) / (hz - below_hz), 0.0), 1.0)
        below_hz, below_v = hz, volt
    return below_v


def allowed_hz(silicon: Silicon, junction_c: float) -> float:
    """The clock that the firmware lets pass: falls linearly from the soft to the hard limit."""
    share = min(max((junction_c - SOFT_LIMIT_C) / (HARD_LIMIT_C - SOFT_LIMIT_C), 0.0), 1.0)
    early_c, early_hz = silicon.early_limit or (math.inf, silicon.max_hz)
    highest_hz = early_hz if junction_c >= early_c else silicon.max_hz
    return highest_hz - (highest_hz - silicon.min_hz) * share


def shown_clock_hz(silicon: Silicon, clock_hz: float) -> float:
    """The clock in the steps that the hardware has."""
    steps = math.ceil((silicon.max_hz - clock_hz) / silicon.clock_step_hz - 1e-9)
    return max(silicon.max_hz - steps * silicon.clock_step_hz, silicon.min_hz)


def live_bits(silicon: Silicon, junction_c: float) -> int:
    """Bits 1..3 of get_throttled. Between the limits only the soft one, as boards in the field show."""
    if junction_c >= HARD_LIMIT_C:
        return CAPPED | THROTTLED
    early_c, _ = silicon.early_limit or (SOFT_LIMIT_C, 0.0)
    return SOFT_LIMITED if junction_c >= early_c else 0


def _fan_level(silicon: Silicon, level: int, junction_c: float) -> int:
    if level < len(silicon.sink_k_per_w) - 1 and junction_c >= FAN_TRIPS_C[level]:
        return level + 1
    if level > 0 and junction_c < FAN_TRIPS_C[level - 1] - FAN_HYSTERESIS_C:
        return level - 1
    return level
