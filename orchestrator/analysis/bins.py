"""Medians of neighbouring bins, many at once: a run is judged dozens of times, by sixty bins each."""

from collections.abc import Iterable
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def bin_medians(values: Floats, edges: Iterable[int]) -> Floats:
    """The median of each bin; `edges` are the first index of each, and the count. None may be empty."""
    medians: list[Floats] = []
    for size, bins in groupby(pairwise(edges), key=lambda bin_: bin_[1] - bin_[0]):
        alike = list(bins)
        medians.append(np.median(values[alike[0][0] : alike[-1][1]].reshape(len(alike), size), axis=1))
    return np.concatenate(medians)
