"""Top-1 and top-5."""

import numpy as np
import pytest

from orchestrator.analysis.accuracy.classifying import score_classes
from orchestrator.errors import ModelError, SpecError


def test_the_first_answer_counts_and_the_first_five() -> None:
    answers = np.tile(np.arange(8.0), (4, 1))  # class 7 before 6 before 5 ...
    found = score_classes(answers, np.array([7, 6, 3, 2]))
    assert (found.images, found.top1, found.top5) == (4, 0.25, 0.75)


def test_each_class_has_its_share_and_one_without_images_has_none() -> None:
    found = score_classes(np.eye(3)[[0, 0, 1]], np.array([0, 1, 1]))
    assert found.by_class == [1.0, 0.5, None]


def test_five_of_five_classes_would_always_be_right_so_there_is_no_such_figure() -> None:
    assert score_classes(np.eye(5), np.arange(5)).top5 is None


def test_a_network_that_says_the_same_of_everything_earns_nothing() -> None:
    found = score_classes(np.zeros((3, 10)), np.array([0, 4, 9]))
    assert (found.top1, found.top5) == (0, 0)


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 4), (3, 1)])
def test_answers_of_another_shape_are_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"expected \(3, classes\)"):
        score_classes(np.zeros(shape), np.zeros(3, int))


def test_answers_that_are_no_numbers_are_a_broken_variant() -> None:
    with pytest.raises(ModelError, match="broken"):
        score_classes(np.full((1, 3), np.nan), np.array([0]))


def test_labels_beyond_the_classes_and_no_labels_are_told() -> None:
    with pytest.raises(SpecError, match=r"expected labels 0\.\.2, got 3\.\.3"):
        score_classes(np.eye(3)[:1], np.array([3]))
    with pytest.raises(SpecError, match="at least one image"):
        score_classes(np.zeros((0, 3)), np.zeros(0, int))
