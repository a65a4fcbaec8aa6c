"""Whether latency moved during a window: by Theil-Sen, by thirds, and against what noise alone can do.

Deterministic: the bootstrap's seed is fixed, so that a verdict can be recomputed.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from orchestrator.analysis.bins import bin_medians

BINS = 60
LEAST_INFERENCES = 6
RESAMPLES = 200
THREE_SIGMA = 0.99865
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drift:
    """Change over the window as a share of the median; `residuals` are what Theil-Sen leaves at the times `at`."""

    theil_sen: float
    thirds: float
    at: Floats
    residuals: Floats

    def is_beyond(self, limit: float) -> bool:
        """Whether both estimates exceed `limit` in one direction, by more than three standard errors explain.

        With few blocks the standard error is itself uncertain, so three of them become Student's t of the same
        probability: 5.5 at 20 inferences, 3.8 from 60 on. Plain 3 alarms on 8 % of clean runs in the worst cell of
        noise (20 inferences, 1.5 %, neighbours correlated by 0.5), this on 3 %; 6 % of drift in 1 % is found as before.
        """
        if self.theil_sen * self.thirds <= 0 or min(abs(self.theil_sen), abs(self.thirds)) <= limit:
            return False
        errors = float(special.stdtrit(-(-len(self.residuals) // self._block_length), THREE_SIGMA))
        return abs(self.theil_sen) > errors * self.standard_error()

    def standard_error(self) -> float:
        """Of `theil_sen`, by a moving block bootstrap of the residuals, which keeps their autocorrelation.

        Kuensch, Annals of Statistics 17, 1989.
        """
        count, length = len(self.residuals), self._block_length
        blocks = -(-count // length)
        starts = np.random.default_rng(0).integers(0, count - length + 1, size=(RESAMPLES, blocks, 1))
        picks = (starts + np.arange(length)).reshape(RESAMPLES, -1)[:, :count]
        return float(_slopes(self.at, self.residuals[picks]).std(ddof=1))

    @property
    def _block_length(self) -> int:
        length: int = round(len(self.residuals) ** (1 / 3)) + 1
        return length


def drift_of(starts_ns: Integers, durations_ns: Integers) -> Drift:
    """The drift of at least `LEAST_INFERENCES` inferences.

    Theil-Sen (Sen, JASA 63, 1968) on the medians of at most 60 neighbouring bins.
    """
    values = durations_ns.astype(np.float64)
    median = float(np.median(values))
    third = len(values) // 3
    thirds = float(np.median(values[-third:]) - np.median(values[:third])) / median
    at, binned = _binned(starts_ns.astype(np.float64)), _binned(values) / median
    at = (at - at[0]) / (at[-1] - at[0])
    slope = float(_slopes(at, binned[np.newaxis])[0])
    residuals = binned - slope * at
    return Drift(theil_sen=slope, thirds=thirds, at=at, residuals=residuals - residuals.mean())


def _binned(values: Floats) -> Floats:
    parts = np.array_split(values, min(len(values), BINS))
    return bin_medians(values, itertools.accumulate(map(len, parts), initial=0))


def _slopes(at: Floats, rows: Floats) -> Floats:
    """Theil-Sen slope of each row."""
    first, second = np.triu_indices(len(at), k=1)
    slopes: Floats = np.median((rows[:, second] - rows[:, first]) / (at[second] - at[first]), axis=1)
    return slopes
