"""Boxes of two variants of a detector beside each other."""

from typing import Any

import numpy as np
import pytest

from orchestrator.analysis.box_agreement import compare_boxes
from orchestrator.analysis.fidelity import FEW_BOXES, Likeness, compare_answers
from orchestrator.errors import ModelError
from tests.orchestrator.analysis.accuracy.tasks import a_detector

TASK = a_detector()  # of 64 x 64 pixels, two classes
Output = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def output(*rows: list[float]) -> Output:
    """Boxes as YOLOv8 gives them, (1, 6, boxes): centre, size, a score for each of two classes."""
    return np.array(rows, float).reshape(-1, 6).T[np.newaxis]


def many(score: float = 0.9, shift: float = 0.0, count: int = 12) -> Output:
    """A dozen small boxes apart from each other, all of the first class."""
    return output(*([8 + 16 * (n % 4) + shift, 8 + 16 * (n // 4), 8, 8, score, 0] for n in range(count)))


def test_boxes_of_one_class_that_overlap_by_half_are_pairs() -> None:
    one = output([20, 20, 10, 10, 0.9, 0], [40, 40, 10, 10, 0, 0.8], [50, 10, 10, 10, 0.7, 0])
    other = output([22, 20, 10, 10, 0.8, 0], [40, 40, 10, 10, 0.8, 0], [55, 15, 10, 10, 0.7, 0])
    found = compare_boxes([[one]], [[other]], TASK)
    assert (found.baseline, found.variant, found.matched) == (3, 3, 1), "another class, and an overlap of 1/7"
    assert found.share == pytest.approx(1 / 3)
    assert found.mean_overlap == pytest.approx(80 / 120)
    assert found.score_difference == pytest.approx(0.1)


def test_a_box_has_one_partner_and_what_is_too_much_counts_against() -> None:
    one, other = output([20, 20, 10, 10, 0.9, 0]), output([19, 20, 10, 10, 0.9, 0], [22, 20, 10, 10, 0.6, 0])
    found = compare_boxes([[one]], [[other]], a_detector(overlap=0.9))
    assert found.matched == 1
    assert found.share == pytest.approx(2 / 3)
    assert found.mean_overlap == pytest.approx(90 / 110)


def test_what_a_network_hardly_believes_in_does_not_count() -> None:
    found = compare_boxes([[many(0.2)]], [[many(0.1, count=3)]], TASK)
    assert (found.boxes, found.share, found.score_difference) == (0, None, None)


def test_inputs_are_compared_one_by_one() -> None:
    here, nothing = output([20, 20, 10, 10, 0.9, 0]), output([20, 20, 10, 10, 0, 0])
    assert compare_boxes([[here], [nothing]], [[nothing], [here]], TASK).share == 0


def test_lost_scores_beside_large_boxes_are_broken_although_the_cosine_does_not_see_them() -> None:
    one, other = many(), many(0.0)
    blind = compare_answers([np.stack([one] * 2)], [np.stack([other] * 2)])
    found = compare_answers([np.stack([one] * 2)], [np.stack([other] * 2)], TASK)
    assert (blind.likeness, found.likeness) == (Likeness.ALIKE, Likeness.BROKEN)
    assert found.boxes is not None
    assert (found.boxes.baseline, found.boxes.variant, found.boxes.share) == (24, 0, 0)


def test_boxes_that_moved_a_little_are_the_same_boxes() -> None:
    found = compare_answers([many()[np.newaxis]], [many(0.88, shift=0.1)[np.newaxis]], TASK)
    assert (found.likeness, found.boxes and found.boxes.share) == (Likeness.ALIKE, 1)


@pytest.mark.parametrize("other", [many(0.9, count=1), many(0.0, count=1)])
def test_a_few_boxes_judge_nobody_and_that_is_said(other: Any) -> None:
    found = compare_answers([many(count=1)[np.newaxis]], [other[np.newaxis]], TASK)
    assert found.likeness is not Likeness.BROKEN
    assert found.boxes is not None
    assert found.boxes.boxes < FEW_BOXES
    assert "boxes are too few to judge by: give more --examples" in found.remark


def test_the_same_boxes_with_other_scores_are_close_at_best() -> None:
    found = compare_answers([many()[np.newaxis]], [many(0.8)[np.newaxis]], TASK)
    assert found.boxes is not None
    assert (found.boxes.share, found.likeness) == (1, Likeness.CLOSE)


def test_boxes_in_noise_are_shown_and_judge_nobody() -> None:
    found = compare_answers([many()[np.newaxis]], [many(0.0)[np.newaxis]], TASK, are_real=False)
    assert found.boxes is not None
    assert (found.boxes.share, found.likeness) == (0, Likeness.ALIKE)
    assert found.remark == "boxes in noise judge nobody: give --examples FILE.npz"


def test_a_task_that_does_not_fit_the_outputs_is_named() -> None:
    with pytest.raises(
        ModelError, match=r"task: the baseline's outputs do not fit it: detection.decoder: yolov8 with 3"
    ):
        compare_boxes([[many()]], [[many()]], a_detector(classes=3))
