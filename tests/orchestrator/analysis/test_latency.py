"""Summaries of runs and intervals over them, against known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.latency import (
    geometric_mean,
    interval_of_medians,
    run_cv,
    spread_bound,
    summarise,
)


def test_a_summary_has_the_figures_of_its_sample() -> None:
    summary = summarise(range(1, 102))
    assert (summary.samples, summary.min_ns, summary.median_ns, summary.max_ns) == (101, 1, 51, 101)
    assert summary.mean_ns == 51
    assert summary.p90_ns == pytest.approx(91)
    assert summary.scaled_mad_ns == pytest.approx(1.4826 * 25, rel=1e-4)


@pytest.mark.parametrize(
    ("samples", "p90", "p99"), [(29, False, False), (30, True, False), (661, True, False), (662, True, True)]
)
def test_a_percentile_needs_enough_inferences(samples: int, p90: bool, p99: bool) -> None:
    summary = summarise(range(1, samples + 1))
    assert (summary.p90_ns is not None, summary.p99_ns is not None) == (p90, p99)


def test_no_inference_is_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one"):
        summarise([])


def test_scaled_mad_of_normal_noise_is_its_standard_deviation() -> None:
    values = 1e8 * (1 + 0.01 * np.random.default_rng(3).normal(size=50_000))
    assert summarise(values.astype(np.int64)).dispersion == pytest.approx(0.01, rel=0.03)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200))
def test_a_summary_is_in_order_and_does_not_depend_on_the_samples_order(durations: list[int]) -> None:
    summary = summarise(durations)
    assert summary.min_ns <= summary.median_ns <= summary.max_ns
    assert summary == summarise(durations[::-1]) or summary.mean_ns == pytest.approx(summarise(durations[::-1]).mean_ns)


def test_one_run_has_no_interval() -> None:
    assert interval_of_medians([1e8]) is None
    assert run_cv([1e8]) is None
    assert spread_bound(1) is None


@given(st.lists(st.floats(1e3, 1e10), min_size=2, max_size=20))
def test_an_interval_lies_around_its_center(medians: list[float]) -> None:
    interval = interval_of_medians(medians)
    assert interval is not None
    assert interval.low <= interval.center * (1 + 1e-9)
    assert interval.center <= interval.high * (1 + 1e-9)
    assert interval.center == pytest.approx(geometric_mean(medians))


@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_a_95_percent_interval_covers_the_truth_19_times_in_20(runs: int) -> None:
    rng = np.random.default_rng(runs)
    intervals = [interval_of_medians(list(1e8 * rng.lognormal(0, 0.01, runs))) for _ in range(2000)]
    covered = np.mean([interval is not None and interval.low <= 1e8 <= interval.high for interval in intervals])
    assert 0.935 <= covered <= 0.965


def test_runs_of_the_usual_spread_exceed_the_bound_once_in_20() -> None:
    rng = np.random.default_rng(0)
    bound = spread_bound(5) or 0.0
    assert bound == pytest.approx(0.031, abs=5e-4)
    spreads = [run_cv(list(1e8 * rng.lognormal(0, 0.02, 5))) or 0.0 for _ in range(2000)]
    assert np.mean([spread > bound for spread in spreads]) == pytest.approx(0.05, abs=0.015)
