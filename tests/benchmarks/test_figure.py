"""Estimates and targets on numbers whose answer is known."""

import math
import random

import pytest

from benchmarks.figure import Estimate, Figure, Judged, Target, mean_of, median_of, ratio_of, share_of


def test_a_median_has_the_interval_of_order_statistics() -> None:
    estimate = median_of([9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0, 10.0])
    assert (estimate.center, estimate.low, estimate.high, estimate.count) == (5.5, 2.0, 9.0, 10)


def test_a_median_of_few_values_has_no_interval() -> None:
    estimate = median_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (estimate.center, estimate.low, estimate.high) == (3.0, None, None)


def test_the_interval_of_a_median_covers_as_often_as_it_says() -> None:
    chance = random.Random(1)
    covered = 0
    for _ in range(400):
        estimate = median_of([chance.gauss(3.0, 1.0) for _ in range(20)])
        assert estimate.low is not None and estimate.high is not None
        covered += estimate.low <= 3.0 <= estimate.high
    assert 0.93 <= covered / 400 <= 0.99


def test_a_ratio_is_paired_so_that_a_drift_of_the_machine_cancels() -> None:
    reference = [100.0 * 1.05**number for number in range(10)]
    ours = [value * factor for value, factor in zip(reference, [1.009, 1.011] * 5, strict=True)]
    estimate = ratio_of(ours, reference)
    assert estimate.center == pytest.approx(math.sqrt(1.009 * 1.011))
    assert estimate.low is not None and estimate.high is not None
    # t(0.975, 9) = 2.2622; the logs' sample deviation is that of an alternating pair.
    deviation = (math.log(1.011) - math.log(1.009)) / 2 * math.sqrt(10 / 9)
    half = 2.2622 * deviation / math.sqrt(10)
    assert math.log(estimate.high / estimate.center) == pytest.approx(half, rel=1e-3)
    assert math.log(estimate.center / estimate.low) == pytest.approx(half, rel=1e-3)


def test_a_mean_may_be_negative() -> None:
    estimate = mean_of([-0.01, 0.01, 0.03])
    assert estimate.center == pytest.approx(0.01)
    assert estimate.low == pytest.approx(0.01 - 4.3027 * 0.02 / math.sqrt(3), rel=1e-3)


@pytest.mark.parametrize(
    ("targets", "is_met"),
    [
        ((), None),
        ((Target(at_most=1.0),), True),
        ((Target(at_most=0.99),), False),
        ((Target(judged=Judged.LOW, at_most=0.95),), True),
        ((Target(at_least=1.0),), True),
        ((Target(at_least=1.01),), False),
        ((Target(at_least=0.99, at_most=1.01),), True),
        ((Target(at_least=0.98, at_most=0.99),), False),
        ((Target(judged=Judged.LOW, at_most=0.95), Target(judged=Judged.HIGH, at_most=1.05)), False),
        ((Target(judged=Judged.LOW, at_most=0.95), Target(judged=Judged.HIGH, at_most=1.10)), True),
    ],
)
def test_every_side_that_is_promised_has_to_hold(targets: tuple[Target, ...], is_met: bool | None) -> None:
    ours = Estimate(center=1.0, low=0.9, high=1.1, count=9)
    assert Figure(what="x", unit="ratio", ours=ours, targets=targets).is_met is is_met


def test_a_bound_that_is_not_known_is_neither_met_nor_broken() -> None:
    figure = Figure(
        what="x", unit="ratio", ours=Estimate(center=1.0), targets=(Target(judged=Judged.HIGH, at_most=1.1),)
    )
    assert figure.is_met is None


def test_a_share_has_an_interval_that_never_leaves_what_is_possible() -> None:
    estimate = share_of(0, 100)
    assert (estimate.center, estimate.low, estimate.count) == (0.0, 0.0, 100)
    # Wilson: z^2 / (n + z^2), z = 1.96.
    assert estimate.high == pytest.approx(1.96**2 / (100 + 1.96**2), rel=1e-3)
