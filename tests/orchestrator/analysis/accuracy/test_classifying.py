"""Top-1 and top-5."""

from collections.abc import Sequence

import pytest

from orchestrator.analysis.accuracy.classifying import Answer, score_classes
from orchestrator.errors import ModelError, SpecError


def ranked(*scores: float) -> Answer:
    """An answer from the scores of classes in their order."""
    return sorted(((place, score) for place, score in enumerate(scores)), key=lambda each: -each[1])


def eye(size: int, rows: Sequence[int]) -> list[Answer]:
    """Answers that are sure of one class each."""
    return [ranked(*(float(place == row) for place in range(size))) for row in rows]


def test_the_first_answer_counts_and_the_first_five() -> None:
    answers = [ranked(*range(8))] * 4  # class 7 before 6 before 5 ...
    found = score_classes(answers, [7, 6, 3, 2], 8)
    assert (found.images, found.top1, found.top5) == (4, 0.25, 0.75)
    low, high = found.intervals["top5"]
    assert 0 <= low < 0.75 < high <= 1


def test_of_many_classes_the_best_are_enough() -> None:
    answers = [ranked(*range(1000))[:10]] * 3
    found = score_classes(answers, [999, 995, 3], 1000)
    assert (found.top1, found.top5) == (1 / 3, 2 / 3)


def test_each_class_has_its_share_and_one_without_examples_has_none() -> None:
    found = score_classes(eye(3, [0, 0, 1]), [0, 1, 1], 3)
    assert found.by_class == [(1.0, 1), (0.5, 2), (None, 0)]


def test_without_their_number_classes_are_those_that_occur() -> None:
    assert len(score_classes(eye(3, [0]), [1]).by_class) == 3


def test_five_of_five_classes_would_always_be_right_so_there_is_no_such_figure() -> None:
    assert score_classes(eye(5, range(5)), list(range(5)), 5).top5 is None


def test_a_network_that_says_the_same_of_everything_earns_nothing() -> None:
    found = score_classes([ranked(*[0.0] * 10)] * 3, [0, 4, 9], 10)
    assert (found.top1, found.top5) == (0, 0)


def test_answers_of_one_class_are_no_classifiers() -> None:
    with pytest.raises(ModelError, match="no classifier's"):
        score_classes([ranked(1.0)], [0], 1)


def test_labels_beyond_the_classes_and_no_labels_are_told() -> None:
    with pytest.raises(SpecError, match=r"expected labels 0\.\.2, got 3\.\.3"):
        score_classes(eye(3, [0]), [3], 3)
    with pytest.raises(SpecError, match="at least one example"):
        score_classes([], [], 3)
