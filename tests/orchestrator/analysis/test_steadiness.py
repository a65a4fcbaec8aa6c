"""Steadiness: each class is found with its size, hiccups and correlated noise alone are flat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.steadiness import (
    Course,
    Steadiness,
    changepoints,
    classify,
    course_of,
    long_run_variance,
    unsteady_head,
)
from tests.orchestrator.analysis.clean_run import Integers, latencies

WARM_UP = 60
CELLS = [(sigma, ar) for sigma in (0.005, 0.01, 0.015) for ar in (0.0, 0.5)]


def course(durations: Integers) -> Course:
    return course_of(durations, np.arange(len(durations)) >= WARM_UP)


def shaped(levels: list[tuple[int, float]], sigma: float = 0.01, ar: float = 0.5) -> Integers:
    """Noise about levels: (how many, level)."""
    base = np.concatenate([np.full(count, level) for count, level in levels])
    durations: Integers = (latencies(3, samples=len(base), sigma=sigma, ar=ar) * base).astype(np.int64)
    return durations


@pytest.mark.parametrize("samples", [20, 200])
def test_noise_alone_is_flat_over_all_cells(samples: int) -> None:
    warm_up = samples // 10
    is_counted = np.arange(samples + warm_up) >= warm_up
    kinds = [
        classify(latencies(seed, samples=samples + warm_up, sigma=sigma, ar=ar), is_counted)
        for sigma, ar in CELLS
        for seed in range(25)
    ]
    assert np.mean([kind is not Steadiness.FLAT for kind in kinds]) <= 0.05


def test_hiccups_and_lazy_first_inferences_leave_a_run_flat() -> None:
    durations = latencies(samples=660)
    durations[:3] = durations[:3] * 3
    durations[100::50] = durations[100::50] * 2
    assert course(durations).steadiness is Steadiness.FLAT


def test_a_warm_up_that_reaches_into_the_window_is_found_with_its_end() -> None:
    found = course(shaped([(WARM_UP + 60, 1.1), (540, 1.0)]))
    assert found.steadiness is Steadiness.WARM_UP
    assert found.steady_from == pytest.approx(WARM_UP + 60, abs=12)
    assert found.change == pytest.approx(-0.09, abs=0.01)


def test_a_step_up_is_a_slowdown_with_its_size() -> None:
    found = course(shaped([(360, 1.0), (300, 1.05)]))
    assert found.steadiness is Steadiness.SLOWDOWN
    assert found.change == pytest.approx(0.05, abs=0.01)


def test_a_run_that_goes_on_changing_until_its_end_has_no_steady_state() -> None:
    steps = [(WARM_UP + 100, 1.0), (150, 1.1), (150, 1.2), (100, 1.3), (100, 1.4)]
    assert course(shaped(steps)).steadiness is Steadiness.NO_STEADY_STATE


def test_at_most_a_fifth_of_the_window_is_left_out() -> None:
    is_counted = np.arange(WARM_UP + 600) >= WARM_UP
    for steady_from, trimmed in ((WARM_UP - 5, 0), (WARM_UP + 90, 90), (WARM_UP + 121, 0)):
        assert unsteady_head(Course(steadiness=Steadiness.WARM_UP, steady_from=steady_from), is_counted) == trimmed
    assert unsteady_head(Course(steadiness=Steadiness.SLOWDOWN, steady_from=WARM_UP + 90), is_counted) == 0


def test_a_handful_of_inferences_is_flat_for_want_of_evidence() -> None:
    durations = np.array([9, 1, 8, 2, 7]) * 10_000_000
    assert classify(durations, np.ones(5, np.bool_)) is Steadiness.FLAT


def test_equal_latencies_are_flat() -> None:
    assert course(np.full(300, 10_000_000, np.int64)).steadiness is Steadiness.FLAT


def test_changepoints_are_where_the_mean_changes() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(level, 0.01, 40) for level in (0.0, 0.1, 0.05)])
    assert changepoints(values) == pytest.approx([40, 80], abs=1)


def test_correlated_noise_has_the_larger_long_run_variance_of_its_kind() -> None:
    alone, correlated = (
        np.median([long_run_variance(np.log(latencies(seed, samples=2000, ar=ar))) for seed in range(5)])
        for ar in (0.0, 0.5)
    )
    assert alone == pytest.approx(1e-4, rel=0.4)
    assert correlated == pytest.approx(3e-4, rel=0.4)


@given(st.lists(st.integers(1_000, 10**9), min_size=1, max_size=300), st.integers(0, 299))
def test_whatever_came_a_course_lies_in_its_run_and_leaves_most_of_the_window(values: list[int], warm_up: int) -> None:
    is_counted = np.arange(len(values)) >= min(warm_up, len(values) - 1)
    found = course_of(np.array(values, np.int64), is_counted)
    assert 0 <= found.steady_from < len(values)
    assert (found.change == 0) is (found.steadiness is Steadiness.FLAT)
    assert unsteady_head(found, is_counted) <= 0.2 * is_counted.sum()
