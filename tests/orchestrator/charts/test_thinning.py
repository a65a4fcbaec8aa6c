"""Fewer points, the same picture."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orchestrator.charts.thinning import condense, thin

FEW = 20
readings = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))
long_series = arrays(np.float64, st.integers(FEW + 1, 500), elements=readings)


@given(long_series)
def test_every_extreme_survives(values: npt.NDArray[np.float64]) -> None:
    kept = values[thin(values, FEW)]

    if not np.isnan(values).all():
        assert np.nanmax(kept) == np.nanmax(values)
        assert np.nanmin(kept) == np.nanmin(values)


@given(long_series)
def test_points_stay_few_and_in_order(values: npt.NDArray[np.float64]) -> None:
    kept = thin(values, FEW)

    assert 0 < len(kept) <= FEW
    assert (np.diff(kept) > 0).all()


def test_a_short_series_is_kept_whole() -> None:
    assert thin(np.arange(5.0), FEW).tolist() == [0, 1, 2, 3, 4]
    assert thin(np.empty(0), FEW).tolist() == []


def test_a_gap_stays_a_gap() -> None:
    values = np.concatenate((np.ones(100), np.full(100, np.nan), np.ones(100)))

    assert np.isnan(values[thin(values, FEW)]).any()


def test_a_lone_reading_among_gaps_is_seen() -> None:
    values = np.full(300, np.nan)
    values[123] = 85.0

    assert 85.0 in values[thin(values, FEW)]


@given(arrays(np.float64, st.integers(1, 500), elements=st.floats(-1e6, 1e6)))
def test_stretches_bound_what_they_stand_for(values: npt.NDArray[np.float64]) -> None:
    stretches = condense(values, FEW)

    assert len(stretches.low) == min(FEW, len(values))
    assert stretches.low.min() == values.min() and stretches.high.max() == values.max()
    assert ((stretches.low <= stretches.median) & (stretches.median <= stretches.high)).all()
    assert (np.diff(stretches.middle) > 0).all()
    assert set(stretches.middle) <= set(range(len(values)))
