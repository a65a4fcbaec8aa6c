"""What the raw latencies of one run say, and how sure several runs make it.

The unit of replication is the run, not the inference: a run gives one median, and intervals are made from
medians.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

P90_FLOOR = 30
P99_FLOOR = 662
NORMAL_MAD = 1.4826022185056018
SPREAD_EXPECTED_CV = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """Figures of one run's window. Percentiles are None where the window is too short for them.

    Quantiles are Hyndman and Fan's type 7 (The American Statistician 50, 1996), numpy's and R's default.
    `scaled_mad_ns` is the median absolute deviation times 1.4826: the standard deviation of a normal sample.
    The floor of p99, 662, is the least n from which MLPerf's early stopping can support a 99th percentile.
    """

    samples: int
    median_ns: float
    mean_ns: float
    min_ns: float
    max_ns: float
    p90_ns: float | None
    p99_ns: float | None
    scaled_mad_ns: float

    @property
    def dispersion(self) -> float:
        """Scaled MAD as a share of the median."""
        return self.scaled_mad_ns / self.median_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A two-sided interval around a centre, in the centre's unit."""

    center: float
    low: float
    high: float


def summarise(durations_ns: Sequence[int] | npt.NDArray[np.int64]) -> LatencySummary:
    """The summary of one run's counted inferences; raises `ValueError` when there are none."""
    values = np.asarray(durations_ns, dtype=np.float64)
    if not len(values):
        raise ValueError("durations_ns: expected at least one inference, got none")
    median = float(np.median(values))
    return LatencySummary(
        samples=len(values),
        median_ns=median,
        mean_ns=float(values.mean()),
        min_ns=float(values.min()),
        max_ns=float(values.max()),
        p90_ns=float(np.quantile(values, 0.90)) if len(values) >= P90_FLOOR else None,
        p99_ns=float(np.quantile(values, 0.99)) if len(values) >= P99_FLOOR else None,
        scaled_mad_ns=NORMAL_MAD * float(np.median(np.abs(values - median))),
    )


def interval_of_medians(medians_ns: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Student's t interval on the logarithms of run medians; None below two runs.

    The centre is the geometric mean. With few runs a percentile bootstrap covers too little: 75 % instead of
    95 % at three runs, while Student's t on logs holds its level.
    """
    if len(medians_ns) < 2:
        return None
    center, half = t_interval(np.log(np.asarray(medians_ns, dtype=np.float64)), confidence)
    return Interval(center=math.exp(center), low=math.exp(center - half), high=math.exp(center + half))


@dataclass(frozen=True, slots=True, kw_only=True)
class Center:
    """What the runs of a variant have in common, with its 95 % interval where there is one.

    One board: the geometric mean of its runs, Student's t over runs. Several: the board is a random effect; the median
    of the boards' means, Student's t over boards. `by_device` has those means.
    """

    center: float
    interval: Interval | None
    by_device: Mapping[str, float]


def center_of_runs(by_device: Mapping[str, Sequence[float]]) -> Center:
    """The centre of a figure (a median, a percentile) that each run of at least one board gives."""
    means = {device: geometric_mean(figures) for device, figures in by_device.items()}
    replicated = next(iter(by_device.values())) if len(by_device) == 1 else list(means.values())
    return Center(
        center=float(np.median(list(means.values()))), interval=interval_of_medians(replicated), by_device=means
    )


def t_interval(values: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Mean and half-width of Student's t interval of at least two values."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    quantile = float(special.stdtrit(len(values) - 1, (1 + confidence) / 2))
    return float(values.mean()), quantile * error


def geometric_mean(values: Sequence[float]) -> float:
    """The centre of `interval_of_medians`, also for a single value."""
    return math.exp(float(np.mean(np.log(np.asarray(values, dtype=np.float64)))))


def spread_bound(runs: int, expected_cv: float = SPREAD_EXPECTED_CV) -> float | None:
    """The sample CV that `runs` runs exceed in 5 % of cases if their true CV is `expected_cv`; None below 2.

    The upper bound of the sample variance is sigma^2 chi2(0.95, n - 1) / (n - 1): 3.1 % for 2 % at 5 runs.
    """
    if runs < 2:
        return None
    return expected_cv * math.sqrt(float(special.chdtri(runs - 1, 0.05)) / (runs - 1))


def run_cv(medians_ns: Sequence[float]) -> float | None:
    """Sample coefficient of variation of run medians; None below two runs."""
    if len(medians_ns) < 2:
        return None
    values = np.asarray(medians_ns, dtype=np.float64)
    return float(values.std(ddof=1) / values.mean())
