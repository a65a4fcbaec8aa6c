"""Fewer points that draw the same picture: every extreme of a series survives."""

import itertools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

POINTS = 2000


def thin(values: Floats, points: int = POINTS) -> Indices:
    """Indices, ascending, of at most `points` values: the lowest and the highest of each stretch of equal length.

    NaN is kept only where a whole stretch is NaN, so that gaps stay gaps. A series that is short enough is kept whole.
    """
    if len(values) <= points:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), max(1, points // 2) + 1).astype(np.intp)
    kept = [edge + place for edge, last in itertools.pairwise(edges) for place in _extremes(values[edge:last])]
    return np.unique(np.array(kept, dtype=np.intp))


def _extremes(stretch: Floats) -> tuple[int, int]:
    lowest = int(np.argmin(np.where(np.isnan(stretch), np.inf, stretch)))
    highest = int(np.argmax(np.where(np.isnan(stretch), -np.inf, stretch)))
    return lowest, highest
