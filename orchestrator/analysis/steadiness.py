"""How latency went over a run: flat, faster after a warm-up, slower at the end, or never steady.

In the manner of Barrett et al., "Virtual machine warmup blows hot and cold", OOPSLA 2017: changepoints of the mean
cut a series into stretches, and what counts is how each stretch compares with the last one. Durations are taken as
logarithms, as medians of neighbours where there are many, and clipped, so that single hiccups move nothing. The
penalty of a changepoint rests on the long-run variance of an AR(1) series, estimated from differences, which
changepoints do not disturb (Chakar et al., Bernoulli 23, 2017). Deterministic.
"""

import enum
import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.bins import bin_medians
from orchestrator.analysis.latency import NORMAL_MAD

BINS = 120
LEAST_STRETCH = 4
EQUAL_WITHIN = 0.02
STEADY_TAIL = 0.25
LARGEST_TRIM = 0.20
PENALTY = 5.0
MOST_CORRELATION = 0.8
CLIP_SIGMAS = 4.0
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Steadiness(enum.Enum):
    """How the latencies of a run went, its warm-up included."""

    FLAT = "flat"
    WARM_UP = "warm-up"
    SLOWDOWN = "slowdown"
    NO_STEADY_STATE = "no steady state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a series went, and the index of the inference from which on it was steady.

    `change` is the last stretch over the one it is told from (the slowest before a warm-up's end, the fastest before
    a slowdown), minus 1; 0 for a flat series.
    """

    steadiness: Steadiness
    steady_from: int
    change: float = 0.0


def classify(durations_ns: Integers, is_counted: Flags) -> Steadiness:
    """The class of a run: `is_counted` tells the window's inferences from those of the warm-up before it."""
    return course_of(durations_ns, is_counted).steadiness


def course_of(durations_ns: Integers, is_counted: Flags) -> Course:
    """How a run went. Steady: within `EQUAL_WITHIN` of the last stretch, for at least `STEADY_TAIL` of the window."""
    edges = _edges(is_counted)
    values = _logs(durations_ns, edges)
    if len(values) < 2 * LEAST_STRETCH:
        return Course(steadiness=Steadiness.FLAT, steady_from=0)
    cuts = [0, *changepoints(values), len(values)]
    levels = np.array([np.median(values[start:end]) for start, end in itertools.pairwise(cuts)])
    differs = np.abs(levels - levels[-1]) > math.log1p(EQUAL_WITHIN)
    if not differs.any():
        return Course(steadiness=Steadiness.FLAT, steady_from=0)
    last = int(np.flatnonzero(differs)[-1])
    steady_from = int(edges[cuts[last + 1]])
    others = levels[differs] - levels[-1]
    change = math.expm1(-float(others[np.argmax(np.abs(others))]))
    window = int(is_counted.sum())
    if len(durations_ns) - steady_from < STEADY_TAIL * window:
        kind = Steadiness.NO_STEADY_STATE
    else:
        kind = Steadiness.WARM_UP if bool((others > 0).all()) else Steadiness.SLOWDOWN
    return Course(steadiness=kind, steady_from=steady_from, change=change)


def unsteady_head(course: Course, is_counted: Flags) -> int:
    """How many inferences of the window's head came before a warm-up's end; 0 where more than `LARGEST_TRIM` did."""
    if course.steadiness is not Steadiness.WARM_UP:
        return 0
    count = int(is_counted[: course.steady_from].sum())
    return count if count <= LARGEST_TRIM * int(is_counted.sum()) else 0


def changepoints(values: Floats) -> list[int]:
    """Where the mean of a series changes: the first index of each stretch but the first.

    The exact minimum of squared errors plus a penalty for each stretch, by optimal partitioning (Jackson et al., IEEE
    Signal Processing Letters 12, 2005), of which PELT is the pruned form; with at most `BINS` values nothing needs
    pruning.
    """
    count = len(values)
    clean, variance = _clipped(values), long_run_variance(values)
    penalty = PENALTY * variance * math.log(count)
    sums, squares = (np.concatenate(([0.0], np.cumsum(series))) for series in (clean, clean**2))
    best, before = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
    best[0] = -penalty
    for end in range(LEAST_STRETCH, count + 1):
        starts = np.arange(0, end - LEAST_STRETCH + 1)
        costs = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        totals = best[starts] + costs + penalty
        before[end] = int(np.argmin(totals))
        best[end] = totals[before[end]]
    found, at = [], int(before[count])
    while at > 0:
        found.append(at)
        at = int(before[at])
    return found[::-1]


def long_run_variance(values: Floats) -> float:
    """What a mean of n correlated values varies by, times n: variance times (1 + r) / (1 - r) of an AR(1) series."""
    steps, leaps = (NORMAL_MAD * float(np.median(np.abs(values[lag:] - values[:-lag]))) for lag in (1, 2))
    if steps == 0:
        return max(leaps, 1e-6) ** 2
    correlation = min(max((leaps / steps) ** 2 - 1, 0.0), MOST_CORRELATION)
    variance = steps**2 / (2 * (1 - correlation))
    return variance * (1 + correlation) / (1 - correlation)


def _clipped(values: Floats) -> Floats:
    """The series with lone outliers moved to a few sigmas from the median of their neighbours."""
    reach = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="reflect"), 5)
    centres: Floats = np.median(reach, axis=1)
    sigma = NORMAL_MAD * float(np.median(np.abs(values - centres)))
    clipped: Floats = np.clip(values, centres - CLIP_SIGMAS * sigma, centres + CLIP_SIGMAS * sigma)
    return clipped


def _edges(is_counted: Flags) -> Integers:
    """First index of each bin, and the count; no bin holds inferences of both warm-up and window."""
    count, size = len(is_counted), -(-len(is_counted) // BINS)
    window = int(np.argmax(is_counted))
    return np.concatenate((np.arange(0, window, size), np.arange(window, count, size), [count])).astype(np.int64)


def _logs(durations_ns: Integers, edges: Integers) -> Floats:
    return bin_medians(np.log(durations_ns.astype(np.float64)), edges.tolist())
