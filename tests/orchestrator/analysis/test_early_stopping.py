"""Early stopping against MLPerf's published ranks and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestrator.analysis.early_stopping import FLOORS, overlatency_rank, summarise_pooled

# 'Processed at least 64 queries (N). Would discard M highest latency queries.' of published submissions (the logs in
# mlcommons/inference_results_*, single stream, 90th percentile).
PUBLISHED = {2048: 172, 2116: 178, 2145: 181, 7469: 685, 4_776_846: 476_158}


@pytest.mark.parametrize(("queries", "discarded"), PUBLISHED.items())
def test_as_many_queries_are_discarded_as_in_published_submissions(queries: int, discarded: int) -> None:
    assert overlatency_rank(queries, 0.90) - 1 == discarded


@pytest.mark.parametrize(("percentile", "floor"), FLOORS.items())
def test_the_floors_are_mlperfs(percentile: float, floor: int) -> None:
    assert (overlatency_rank(floor - 1, percentile), overlatency_rank(floor, percentile)) == (0, 1)


@given(st.integers(64, 20_000), st.sampled_from([0.90, 0.99]))
def test_a_rank_is_the_largest_with_enough_confidence(samples: int, percentile: float) -> None:
    rank = overlatency_rank(samples, percentile)
    kept, next_one = (float(stats.beta.cdf(percentile, samples - t, t + 1)) for t in (rank, rank + 1))
    assert rank == 0 or kept <= 0.01 * (1 + 1e-9)
    assert next_one > 0.01 * (1 - 1e-9)


def test_below_the_floors_there_is_no_figure() -> None:
    few, some, many = (summarise_pooled(range(1, count + 1)) for count in (63, 64, 662))
    assert (few.samples, few.p90_ns, few.p99_ns) == (63, None, None)
    assert (some.p90_ns, some.p99_ns) == (64, None)
    assert many.p99_ns == 662
    assert summarise_pooled([]).p90_ns is None


def test_of_independent_samples_the_true_percentile_is_exceeded_once_in_a_hundred() -> None:
    rng = np.random.default_rng(5)
    below = [(summarise_pooled(rng.integers(1, 10**6, 500)).p90_ns or 0.0) < 0.9e6 for _ in range(400)]
    assert np.mean(below) <= 0.025
