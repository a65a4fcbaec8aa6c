"""MLPerf's early-stopping percentiles: bounds from samples that are pooled over runs. Pure.

The estimate for percentile p from n samples is the t-th largest sample, t the most for which a binomial tail still
gives 99 % confidence that at least p of all latencies are not above it: P(Binomial(n, 1 - p) <= t) <= 0.01. It assumes
that samples are independent, which inferences of one run are not quite. Ranks as in mlcommons/inference,
loadgen/results.cc (PerformanceSummary::EarlyStopping) and loadgen/early_stopping.cc, with tolerance 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.99
ASSUMPTION = "assumes that inferences are independent"
FLOORS = {0.90: 64, 0.99: 662}


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTail:
    """Percentiles of samples pooled over runs, in nanoseconds; None below the floors of 64 and 662 samples."""

    samples: int
    p90_ns: float | None
    p99_ns: float | None


def summarise_pooled(durations_ns: Sequence[int] | npt.NDArray[np.int64]) -> PooledTail:
    """The tail of one pool of samples."""
    values = np.sort(np.asarray(durations_ns, dtype=np.float64))
    return PooledTail(samples=len(values), p90_ns=_estimate(values, 0.90), p99_ns=_estimate(values, 0.99))


def overlatency_rank(samples: int, percentile: float) -> int:
    """t: the estimate is the t-th largest of so many samples; 0 where they are too few for an estimate.

    MLPerf prints t - 1 as the queries that it 'would discard'.
    """
    beyond = 1 - percentile
    rank = int(stats.binom.ppf(1 - CONFIDENCE, samples, beyond))
    while rank > 0 and stats.binom.cdf(rank, samples, beyond) > 1 - CONFIDENCE:
        rank -= 1
    return rank


def _estimate(values: npt.NDArray[np.float64], percentile: float) -> float | None:
    rank = overlatency_rank(len(values), percentile) if len(values) else 0
    return float(values[-rank]) if rank > 0 else None
