"""The controlled procedure as pure rules: warm-up, window, stop. No I/O; time comes in with every reading.

The measuring process asks `is_steady` and gets its bounds from `warm_up_bounds` and `window_bounds`; the agent asks
`is_disturbed` after the warm-up. The gate's rules are in `gatekeeper`. These sources are part of the measuring hash.
"""

import itertools
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.wire.spec import Gate, Protocol, WarmUp, Window

MAX_RETURNS_TO_GATE = 3
_REPORT_SLACK_S = 0.25
_STEADY_SLACK = 1.5


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
