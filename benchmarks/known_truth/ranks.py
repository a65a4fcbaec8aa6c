"""Percentiles, intervals and tests of the analysis against scipy's own, on random data, and ranks against MLPerf's.

scipy computes them by other code: type 7 quantiles by `mquantiles`, intervals and p by its t tests. MLPerf's ranks are
what its load generator printed in published results ("Would discard 685 highest latency queries"), and its floors.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from benchmarks.figure import Estimate, Figure, Target
from benchmarks.known_truth.noise import Floats
from orchestrator.analysis.comparison import MARGIN, Observation, compare
from orchestrator.analysis.early_stopping import FLOORS, overlatency_rank
from orchestrator.analysis.latency import P99_FLOOR, interval_of_medians, summarise
from orchestrator.analysis.pairing import Pair, Place, make_pairs

CASES = 300
AGREES = (Target(at_most=1e-9),)
# Samples, percentile, how many of the largest MLPerf "would discard"; from logs in mlcommons/inference_results_*.
PUBLISHED = (
    (64, 0.90, 0),
    (2048, 0.90, 172),
    (2116, 0.90, 178),
    (2145, 0.90, 181),
    (7469, 0.90, 685),
    (662, 0.99, 0),
    (1_179_125, 0.99, 11_539),
)
Gap = Callable[[np.random.Generator], float]


def figures(seed: int) -> Iterator[Figure]:
    """Each check over many random cases."""
    for what, gap in (
        ("median, p90 and p99 of a run", gap_of_quantiles),
        ("t interval of medians", gap_of_intervals),
        ("paired t interval of a ratio", gap_of_ratios),
        ("p of a difference beyond the margin, and of equivalence", gap_of_tests),
    ):
        rng = np.random.default_rng(seed)
        worst = max(gap(rng) for _ in range(CASES))
        yield Figure(
            what=f"{what}: largest relative difference to scipy",
            unit="",
            ours=Estimate(center=worst, count=CASES),
            targets=AGREES,
        )
    yield Figure(
        what=f"ranks of early stopping that differ from MLPerf's {len(PUBLISHED)} published ones and its floors",
        unit="",
        ours=Estimate(center=wrong_ranks(), count=len(PUBLISHED) + len(FLOORS)),
        targets=(Target(at_most=0),),
    )


def wrong_ranks() -> int:
    """How many ranks differ from MLPerf's, and how many floors are not where it has them."""
    ranks = sum(overlatency_rank(samples, percentile) != discarded + 1 for samples, percentile, discarded in PUBLISHED)
    return ranks + sum(overlatency_rank(floor - 1, percentile) != 0 for percentile, floor in FLOORS.items())


def gap_of_quantiles(rng: np.random.Generator) -> float:
    """Quantiles of one run's durations, of a length at which all of them exist."""
    durations = rng.lognormal(16.0, 0.1, int(rng.integers(P99_FLOOR, 3 * P99_FLOOR))).astype(np.int64)
    ours = summarise(durations)
    assert ours.p90_ns is not None and ours.p99_ns is not None, "long enough"
    theirs = stats.mstats.mquantiles(durations, [0.5, 0.9, 0.99], alphap=1, betap=1)
    return max(
        _gap(one, float(other)) for one, other in zip((ours.median_ns, ours.p90_ns, ours.p99_ns), theirs, strict=True)
    )


def gap_of_intervals(rng: np.random.Generator) -> float:
    """The interval of a few run medians."""
    medians = rng.lognormal(16.0, 0.02, int(rng.integers(2, 12)))
    ours = interval_of_medians(list(medians))
    assert ours is not None, "two runs"
    theirs = stats.ttest_1samp(np.log(medians), 0.0).confidence_interval(0.95)
    return max(_gap(ours.low, math.exp(theirs.low)), _gap(ours.high, math.exp(theirs.high)))


def gap_of_ratios(rng: np.random.Generator) -> float:
    """The interval of two variants' ratio by blocks."""
    a, b = rng.lognormal(16.0, 0.02, (2, int(rng.integers(2, 12))))
    ours = compare(_observations(a, b), "a", "b")
    assert ours.low is not None and ours.high is not None, "two blocks"
    theirs = stats.ttest_rel(np.log(a), np.log(b)).confidence_interval(0.95)
    return max(_gap(ours.low, math.exp(theirs.low)), _gap(ours.high, math.exp(theirs.high)))


def gap_of_tests(rng: np.random.Generator) -> float:
    """The two p of one pair: one-sided t tests against the margin."""
    a, b = np.exp(rng.normal(0.0, 0.01, (2, int(rng.integers(3, 12)))))
    (pair,) = make_pairs({name: _logs(values) for name, values in (("a", a), ("b", b))}, ["a", "b"])
    return max(_gap_of_beyond(pair, np.log(a / b)), _gap_of_within(pair, np.log(a / b)))


def _gap_of_beyond(pair: Pair, differences: Floats) -> float:
    limit = math.copysign(math.log1p(MARGIN), differences.mean())
    one_sided = stats.ttest_1samp(differences, limit, alternative="greater" if limit > 0 else "less")
    theirs = 2 * one_sided.pvalue
    return _gap(pair.p_beyond(math.log1p(MARGIN)), min(1.0, float(theirs)))


def _gap_of_within(pair: Pair, differences: Floats) -> float:
    limit = math.log1p(MARGIN)
    below = stats.ttest_1samp(differences, limit, alternative="less").pvalue
    above = stats.ttest_1samp(differences, -limit, alternative="greater").pvalue
    return _gap(pair.p_within(limit), float(max(below, above)))


def _logs(values: Floats) -> dict[Place, float]:
    return {("here", block): math.log(value) for block, value in enumerate(values)}


def _observations(a: Floats, b: Floats) -> list[Observation]:
    return [
        Observation(variant=name, device="here", block=block, median_ns=float(value))
        for name, values in (("a", a), ("b", b))
        for block, value in enumerate(values)
    ]


def _gap(ours: float, theirs: float) -> float:
    return abs(ours - theirs) / abs(theirs)
