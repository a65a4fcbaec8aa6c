"""Whether a device still is what it was: a control chart of its canaries. Pure.

An individuals chart (Shewhart; Montgomery, Statistical Quality Control, chapter 6) of the logarithms of their median
latencies. The first canaries under one condition are the baseline, at most `BASELINE` of them: its median is the
centre, its scatter is told by the moving range (mean of absolute differences / 1.128). No limit is nearer than
`NEAREST`, since a change that small is nothing to stop a device for; with fewer than `FEW` canaries the limits are
`FIRST` away from what there is. A canary beyond the limits is repeated at once; the second in a row shows a change.

`benchmarks.canary` says what these figures give: devices taken out for nothing, and how soon changed ones are found.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

FEW, BASELINE = 8, 20
SIGMAS = 4.0
NEAREST = 0.07
FIRST = 0.15
STRIKES = 2
_MEAN_RANGE = 1.128  # of two normal values, in standard deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Between which medians a canary is in control, in the unit of the medians; `count` of them are the baseline."""

    center: float
    low: float
    high: float
    count: int

    def holds(self, median: float) -> bool:
        """Whether a canary of this median is in control."""
        return self.low <= median <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A canary against the limits that held when it came; None: there were none yet.

    Not `is_clear`: something else disturbed it, so that it says nothing about the device.
    """

    median: float
    is_clear: bool
    limits: Limits | None

    @property
    def is_in_control(self) -> bool:
        """Whether it is within the limits."""
        return self.limits is None or self.limits.holds(self.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A device's canaries under one condition, oldest first, and the limits for the next one."""

    judged: tuple[Judged, ...]
    limits: Limits | None

    @property
    def strikes(self) -> int:
        """How many of the newest clear ones in a row are beyond the limits."""
        clear = [each.is_in_control for each in reversed(self.judged) if each.is_clear]
        return clear.index(True) if True in clear else len(clear)

    @property
    def is_changed(self) -> bool:
        """Whether the device is shown to have changed."""
        return self.strikes >= STRIKES


def follow(canaries: Iterable[tuple[float, bool]]) -> Chart:
    """The chart of canaries, oldest first, each by its median and whether it is clear.

    Only what was clear and in control becomes part of the baseline.
    """
    judged: list[Judged] = []
    baseline: list[float] = []
    limits: Limits | None = None
    for median, is_clear in canaries:
        judged.append(Judged(median=median, is_clear=is_clear, limits=limits))
        if is_clear and judged[-1].is_in_control and len(baseline) < BASELINE:
            baseline.append(median)
            limits = control_limits(baseline)
    return Chart(judged=tuple(judged), limits=limits)


def control_limits(baseline: Sequence[float]) -> Limits:
    """The limits that one to `BASELINE` medians set."""
    logs = [math.log(median) for median in baseline]
    center = statistics.median(logs)
    away = math.log1p(FIRST)
    if len(logs) >= FEW:
        away = max(SIGMAS * _scatter(logs), math.log1p(NEAREST))
    return Limits(center=math.exp(center), low=math.exp(center - away), high=math.exp(center + away), count=len(logs))


def _scatter(logs: Sequence[float]) -> float:
    """Standard deviation by the moving range: what moves slowly does not widen it."""
    return statistics.fmean(abs(after - before) for before, after in pairwise(logs)) / _MEAN_RANGE
