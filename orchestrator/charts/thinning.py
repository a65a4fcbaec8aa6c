"""Fewer points that draw the same picture: every extreme of a series survives."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

POINTS = 2000
STRETCHES = 500


def thin(values: Floats, points: int = POINTS) -> Indices:
    """Indices, ascending, of at most `points` values: the lowest and the highest of each stretch of equal length.

    NaN is kept only where a whole stretch is NaN, so that gaps stay gaps. A series that is short enough is kept whole.
    """
    if len(values) <= points:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), max(1, points // 2) + 1).astype(np.intp)
    kept = [edge + place for edge, last in itertools.pairwise(edges) for place in _extremes(values[edge:last])]
    return np.unique(np.array(kept, dtype=np.intp))


def every_so_many(count: int, points: int) -> Indices:
    """Indices, ascending and evenly spread, of at most `points` of so many values: a fair sample, extremes or not."""
    return np.unique(np.linspace(0, count - 1, min(count, points)).round().astype(np.intp))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condensed:
    """Stretches of a series, in order: lowest, median and highest value of each, and the index in its middle."""

    low: Floats
    median: Floats
    high: Floats
    middle: Indices


def condense(values: Floats, stretches: int = STRETCHES) -> Condensed:
    """A series without NaN, of at least one value, in at most this many stretches of equal length."""
    parts = np.array_split(values, min(stretches, len(values)))
    ends = np.cumsum([len(part) for part in parts])
    return Condensed(
        low=np.array([part.min() for part in parts]),
        median=np.array([np.median(part) for part in parts]),
        high=np.array([part.max() for part in parts]),
        middle=np.array([end - (len(part) + 1) // 2 for part, end in zip(parts, ends, strict=True)], dtype=np.intp),
    )


def _extremes(stretch: Floats) -> tuple[int, int]:
    lowest = int(np.argmin(np.where(np.isnan(stretch), np.inf, stretch)))
    highest = int(np.argmax(np.where(np.isnan(stretch), -np.inf, stretch)))
    return lowest, highest
