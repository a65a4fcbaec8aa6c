"""The controlled procedure as pure rules: warm-up, window, stop. No I/O; time comes in with every reading.

The measuring process asks `is_steady` and gets its bounds from `warm_up_bounds` and `window_bounds`; the agent asks
`is_disturbed` after the warm-up. The gate's rules are in `gatekeeper`. These sources are part of the measuring hash.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.wire.spec import Gate, Protocol, WarmUp, Window

MAX_RETURNS_TO_GATE = 3
HEAT_FLOOR, SLOW_HEAT_FLOOR, SLOW_NS = 20, 8, 1e9
_MOST_BLOCKS = 8
_MOST_OF_A_BLOCK = 50
# Student's t, one-sided 5 %, by degrees of freedom: a constant table, because the agent has the standard library only.
_T95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761)
_REPORT_SLACK_S = 0.25
_STEADY_SLACK = 1.5
_STEADY_INFERENCES = 20  # what it takes to be shown steady within 2 % at a noise of about 1.4 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the board; None is a sensor that gave nothing. `foreign_cpu` is since the reading before."""

    at_s: float
    temperature_c: float | None = None
    throttled: int | None = None
    foreign_cpu: float | None = None


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
    """Whether the two newer thirds of a warm-up are shown to differ by less than a share `within`, noise considered.

    Two one-sided tests of 5 % each (Schuirmann 1987) on the logarithms of medians of up to eight blocks a third, with
    trimmed means and winsorised variances (Yuen 1974): a spike delays nothing, and noise has to be averaged away before
    it passes. Needs four inferences. Costs the same however many there are, since a block's median looks at most at 50.
    """
    part = max(2, round(len(durations_ns) / 3))
    if len(durations_ns) < 2 * part:
        return False
    newest = _block_logs(durations_ns[-part:])
    before = _block_logs(durations_ns[-2 * part : -part])
    (center, error), (center_before, error_before) = _trimmed(newest), _trimmed(before)
    freedom = 2 * (len(newest) - 2 * _trim(len(newest)) - 1)
    margin = math.log1p(within) - _T95[freedom - 1] * math.hypot(error, error_before)
    return abs(center - center_before) <= margin


def _block_logs(durations_ns: Sequence[int]) -> list[float]:
    """Logarithms of the medians of neighbouring inferences, in order; what fills no block is left out in front."""
    blocks = min(len(durations_ns), _MOST_BLOCKS)
    size = len(durations_ns) // blocks
    step = -(-size // _MOST_OF_A_BLOCK)
    spare = len(durations_ns) - size * blocks
    firsts = range(spare, len(durations_ns), size)
    return [math.log(max(1.0, statistics.median(durations_ns[first : first + size : step]))) for first in firsts]


def _trimmed(values: Sequence[float]) -> tuple[float, float]:
    """The trimmed mean and its standard error."""
    ordered, cut = sorted(values), _trim(len(values))
    kept = ordered[cut : len(ordered) - cut]
    spread = statistics.stdev([*kept[:1] * cut, *kept, *kept[-1:] * cut])
    return statistics.fmean(kept), spread * math.sqrt((len(values) - 1) / (len(kept) - 1) / len(kept))


def _trim(count: int) -> int:
    """How many values are left out at either end."""
    return 1 if count >= _MOST_BLOCKS else 0


def heat_floor(window: Window, median_ns: float) -> int:
    """The fewest inferences that a window which heat ended needs: 20, or 8 of a slow model, never above its minimum."""
    return min(SLOW_HEAT_FLOOR if median_ns > SLOW_NS else HEAT_FLOOR, window.min_inferences)


def is_hot(window: Window, reading: Reading, loaded_s: float) -> bool:
    """Whether heat ends the window now: the die is at `stop_c`, or was loaded for most of the time until `onset_s`."""
    now_c, stop_c, longest_s = reading.temperature_c, window.stop_c, window.longest_load_s
    is_at_limit = stop_c is not None and now_c is not None and now_c >= stop_c
    return is_at_limit or (longest_s is not None and loaded_s >= longest_s)


def rest_of(bounds: Bounds, inferences: int, lasted_ns: int) -> Bounds:
    """What is left of a window's bounds after the segments before have brought so many inferences in that time."""
    return Bounds(
        min_inferences=max(0, bounds.min_inferences - inferences),
        min_ns=max(0, bounds.min_ns - lasted_ns),
        max_ns=max(0, bounds.max_ns - lasted_ns),
    )


def estimate_s(bounds: Bounds, inference_s: float) -> float:
    """How long a stretch will take if an inference takes `inference_s`."""
    needed_s = max(bounds.min_ns / 1e9, bounds.min_inferences * inference_s)
    return min(needed_s, bounds.max_ns / 1e9) + inference_s


def estimate_quiet_s(protocol: Protocol, first_s: float) -> tuple[float, float]:
    """Seconds until the window, and until its end with a little slack, from the first inference's time."""
    if protocol.pace is not None:
        first_s = max(first_s, 1 / protocol.pace.rate_per_s)
    warm_up_s = estimate_s(warm_up_bounds(protocol.warm_up), first_s)
    if protocol.warm_up.steady_within is not None:  # better to come a little late than into the window
        warm_up_s = min(max(warm_up_s * _STEADY_SLACK, _STEADY_INFERENCES * first_s), protocol.warm_up.max_s)
    before_s = protocol.recorded_idle_s + warm_up_s
    return before_s, before_s + estimate_s(window_bounds(protocol.window), first_s) + _REPORT_SLACK_S


def stretch_of(bounds: Bounds, until_ns: int) -> Bounds:
    """The part of a window up to `until_ns` since its beginning: it ends there, or where the whole window ends."""
    is_early = until_ns < bounds.min_ns
    return Bounds(
        min_inferences=0 if is_early else bounds.min_inferences,
        min_ns=min(until_ns, bounds.min_ns),
        max_ns=min(until_ns, bounds.max_ns),
    )


def _bounds(min_inferences: int, min_s: float, max_s: float) -> Bounds:
    return Bounds(min_inferences=min_inferences, min_ns=int(min_s * 1e9), max_ns=int(max_s * 1e9))
