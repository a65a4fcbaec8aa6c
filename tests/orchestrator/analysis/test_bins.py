"""Medians of bins are those of each bin alone."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.bins import bin_medians

floats = st.floats(-1e18, 1e18)


@given(st.lists(st.lists(floats, min_size=1, max_size=7), min_size=1, max_size=12))
def test_many_bins_at_once_have_the_medians_of_each_alone(bins: list[list[float]]) -> None:
    edges = list(itertools.accumulate(map(len, bins), initial=0))
    together = bin_medians(np.array([value for each in bins for value in each]), edges)
    assert together.tolist() == [float(np.median(each)) for each in bins]
