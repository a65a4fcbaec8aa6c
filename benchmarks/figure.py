"""A measured figure beside its reference and its target: what every benchmark gives, and how it is judged.

Medians have distribution-free intervals; ratios of pairs have the intervals that the farm itself gives, from the mean
of paired log medians by Student's t.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from orchestrator.analysis.comparison import Observation, compare
from orchestrator.analysis.latency import t_interval

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A centre with its 95 % interval, where there is one, from `count` values."""

    center: float
    low: float | None = None
    high: float | None = None
    count: int = 1


class Judged(enum.Enum):
    """Which side of an estimate a target is about."""

    CENTER = "value"
    LOW = "lower bound"
    HIGH = "upper bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was promised: that side of an estimate is at most this, or at least that, or both."""

    at_most: float | None = None
    judged: Judged = Judged.CENTER
    at_least: float | None = None

    def is_met_by(self, estimate: Estimate) -> bool | None:
        """Whether the promise is kept, None where the estimate has no such side."""
        sides = {Judged.CENTER: estimate.center, Judged.LOW: estimate.low, Judged.HIGH: estimate.high}
        side = sides[self.judged]
        if side is None:
            return None
        is_small_enough = self.at_most is None or side <= self.at_most
        return is_small_enough and (self.at_least is None or side >= self.at_least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a benchmark: ours, the reference where there is one, the targets where there are any."""

    what: str
    unit: str
    ours: Estimate
    reference: Estimate | None = None
    targets: tuple[Target, ...] = ()

    @property
    def is_met(self) -> bool | None:
        """Whether every target is met, None where there is none or one cannot be judged."""
        answers = [target.is_met_by(self.ours) for target in self.targets]
        return None if not answers or None in answers else all(answers)


def median_of(values: Sequence[float]) -> Estimate:
    """The median, with the interval of order statistics (binomial) from six values on."""
    center = float(np.median(np.asarray(values)))
    rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(values), 0.5))
    if rank == 0:
        return Estimate(center=center, count=len(values))
    ordered = sorted(values)
    return Estimate(center=center, low=ordered[rank - 1], high=ordered[-rank], count=len(values))


def share_of(hits: int, trials: int) -> Estimate:
    """The share of trials that hit, with Wilson's interval, which holds near 0 and 1 too."""
    found = stats.binomtest(hits, trials).proportion_ci(LEVEL, method="wilson")
    return Estimate(center=hits / trials, low=float(found.low), high=float(found.high), count=trials)


def ratio_of(ours: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Ours over the reference, pair by pair."""
    both = {"ours": ours, "reference": reference}
    observations = [
        Observation(variant=name, device="here", block=number, median_ns=value)
        for name, values in both.items()
        for number, value in enumerate(values)
    ]
    found = compare(observations, "ours", "reference")
    assert found.ratio is not None, "there is at least one pair"
    return Estimate(center=found.ratio, low=found.low, high=found.high, count=found.units)


def mean_of(values: Sequence[float]) -> Estimate:
    """The mean, with Student's t interval from two values on; for values that may be zero or less."""
    center = float(np.mean(np.asarray(values)))
    if len(values) < 2:
        return Estimate(center=center, count=len(values))
    center, half = t_interval(np.asarray(values, dtype=np.float64), LEVEL)
    return Estimate(center=center, low=center - half, high=center + half, count=len(values))
