"""The benchmark of canaries finds what is planted, and little else."""

import numpy as np

from benchmarks.canary import BEFORE, draw, found_after
from benchmarks.known_truth.noise import Cell

CALM = Cell(run_sd=0.005)


def test_a_device_that_becomes_much_slower_is_found_at_once_and_one_that_does_not_is_left_alone() -> None:
    medians = draw(CALM, 5, BEFORE + 10, np.random.default_rng(1))
    assert [found_after(own.tolist()) for own in medians] == [None] * 5
    medians[:, BEFORE:] *= 1.3
    assert [found_after(own.tolist()) for own in medians] == [BEFORE + 2] * 5


def test_two_alarms_with_a_good_canary_between_them_are_no_finding() -> None:
    assert found_after([5.0] * 10 + [8.0, 5.0, 8.0]) is None
    assert found_after([5.0] * 10 + [8.0, 8.0]) == 12
