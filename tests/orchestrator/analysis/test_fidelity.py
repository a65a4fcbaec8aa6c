"""Answers of two variants beside each other."""

from typing import Any

import numpy as np
import pytest

from orchestrator.analysis.fidelity import Likeness, compare_answers

SCORES = np.random.default_rng(1).standard_normal((8, 1, 10))


def test_the_same_answers_are_alike_in_every_figure() -> None:
    found = compare_answers([SCORES], [SCORES])
    assert (found.max_error, found.mean_error, found.top1) == (0, 0, 1)
    assert found.cosine == pytest.approx(1)
    assert (found.likeness, found.examples) == (Likeness.ALIKE, 8)


def test_errors_are_absolute_and_relative_to_the_largest_magnitude() -> None:
    one = np.array([[[1.0, -4.0]]])
    found = compare_answers([one], [one + np.array([0.5, 0.0])])
    assert (found.max_error, found.mean_error, found.max_relative_error) == (0.5, 0.25, 0.125)


def test_another_first_class_shows_in_top_1() -> None:
    other = SCORES.copy()
    other[0] = -other[0]
    found = compare_answers([SCORES], [other])
    assert found.top1 == 7 / 8
    assert found.likeness is Likeness.BROKEN, "one example points the other way"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_no_finite_numbers_are_broken(value: float) -> None:
    other = SCORES.copy()
    other[3, 0, 2] = value
    found = compare_answers([SCORES], [other])
    assert (found.likeness, found.cosine) == (Likeness.BROKEN, None)
    assert "finite" in found.remark


def test_zeros_for_everything_are_broken() -> None:
    assert compare_answers([SCORES], [np.zeros_like(SCORES)]).likeness is Likeness.BROKEN


def test_two_networks_that_answer_nothing_but_zeros_agree() -> None:
    nothing = np.zeros((4, 1, 3))
    assert compare_answers([nothing], [nothing]).cosine == 1


@pytest.mark.parametrize(
    "other",
    [
        np.moveaxis(np.arange(240.0).reshape(2, 1, 5, 4, 6), 2, -1),  # channels last
        np.arange(240.0).reshape(2, 5, 4, 6),  # without the batch
    ],
)
def test_other_layouts_of_the_same_answer_are_seen_through(other: Any) -> None:
    found = compare_answers([np.arange(240.0).reshape(2, 1, 5, 4, 6)], [other])
    assert found.likeness is Likeness.ALIKE


def test_other_outputs_are_broken_and_both_shapes_are_named() -> None:
    found = compare_answers([SCORES], [SCORES[..., :9]])
    assert (found.likeness, found.remark) == (Likeness.BROKEN, "other outputs: [[1, 10]] and [[1, 9]]")
    assert compare_answers([SCORES], [SCORES, SCORES]).likeness is Likeness.BROKEN
