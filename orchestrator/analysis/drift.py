"""Whether latency moved during a window: by Theil-Sen, by thirds, and against what noise alone can do.

Deterministic: the bootstrap's seed is fixed, so that a verdict can be recomputed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 100
LEAST_INFERENCES = 6
RESAMPLES = 200
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Change over the window as a share of the median; `standard_error` is of `theil_sen`."""

    theil_sen: float
    thirds: float
    standard_error: float

    def is_beyond(self, limit: float) -> bool:
        """Whether both estimates exceed `limit` in one direction, by more than noise explains."""
        agree = self.theil_sen * self.thirds > 0
        is_large = min(abs(self.theil_sen), abs(self.thirds)) > limit
        return agree and is_large and abs(self.theil_sen) > 3 * self.standard_error


def drift_of(starts_ns: Integers, durations_ns: Integers) -> Drift:
    """The drift of at least `LEAST_INFERENCES` inferences.

    Theil-Sen (Sen, JASA 63, 1968) on the medians of at most 100 neighbouring bins; its standard error by a
    moving block bootstrap of the residuals (Kuensch, Annals of Statistics 17, 1989), which keeps their
    autocorrelation.
    """
    values = durations_ns.astype(np.float64)
    median = float(np.median(values))
    third = len(values) // 3
    thirds = float(np.median(values[-third:]) - np.median(values[:third])) / median
    at, binned = _binned(starts_ns.astype(np.float64)), _binned(values) / median
    at = (at - at[0]) / (at[-1] - at[0])
    slope = float(_slopes(at, binned[np.newaxis])[0])
    residuals = binned - slope * at
    noise = _slopes(at, _resampled(residuals - residuals.mean()))
    return Drift(theil_sen=slope, thirds=thirds, standard_error=float(noise.std(ddof=1)))


def _binned(values: Floats) -> Floats:
    return np.array([np.median(part) for part in np.array_split(values, min(len(values), BINS))])


def _slopes(at: Floats, rows: Floats) -> Floats:
    """Theil-Sen slope of each row."""
    first, second = np.triu_indices(len(at), k=1)
    slopes: Floats = np.median((rows[:, second] - rows[:, first]) / (at[second] - at[first]), axis=1)
    return slopes


def _resampled(residuals: Floats) -> Floats:
    """`RESAMPLES` series of the residuals' length, laid together from blocks of neighbours."""
    count = len(residuals)
    length = round(count ** (1 / 3)) + 1
    blocks = -(-count // length)
    starts = np.random.default_rng(0).integers(0, count - length + 1, size=(RESAMPLES, blocks, 1))
    picks = (starts + np.arange(length)).reshape(RESAMPLES, -1)[:, :count]
    return residuals[picks]
