"""Outputs of each family, written by hand, and what they mean."""

from typing import Any

import numpy as np
import pytest

from agent.detection.decoding import Array, Candidates, MisfitError, decode_outputs
from agent.wire.task import BoxUnit, ClassesPerBox, Decoder, ImageInput, Task, TaskKind
from tests.orchestrator.analysis.accuracy.tasks import a_detector

# Two boxes in 64 x 64: around (10, 20), 4 wide and 8 high; around (40, 30), 20 wide and 10 high.
CENTRED = np.array([[10.0, 20, 4, 8], [40, 30, 20, 10]])
CORNERS = [[8, 16, 12, 24], [30, 25, 50, 35]]
SCORES = np.array([[0.9, 0.0], [0.25, 0.5]])


def yolov8(centred: Array = CENTRED, scores: Array = SCORES) -> list[Array]:
    return [np.concatenate([centred, scores], axis=1).T[np.newaxis].astype(np.float32)]


def rows(found: Candidates) -> list[Any]:
    return list(zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True))


def test_yolov8_has_a_column_a_box_and_a_candidate_for_each_class_above_the_threshold() -> None:
    found = decode_outputs(yolov8(), a_detector(score_threshold=0.1))
    assert rows(found) == [
        (CORNERS[0], pytest.approx(0.9), 0),
        (CORNERS[1], 0.5, 1),
        (CORNERS[1], 0.25, 0),
    ]


def test_a_box_can_stand_for_its_best_class_only() -> None:
    found = decode_outputs(yolov8(), a_detector(classes_per_box=ClassesPerBox.BEST))
    assert [(score, place) for _, score, place in rows(found)] == [(pytest.approx(0.9), 0), (0.5, 1)]


def test_boxes_as_shares_become_pixels_of_each_side() -> None:
    image = ImageInput(width=100, height=200)
    task = a_detector(boxes=BoxUnit.SHARES)
    wide = Task(kind=TaskKind.DETECTION, image=image, classes=task.classes, detection=task.detection)
    found = decode_outputs(yolov8(np.array([[0.5, 0.5, 0.2, 0.1]]), np.array([[0.9, 0.0]])), wide)
    assert found.boxes[0] == pytest.approx([40, 90, 60, 110])


def test_yolov5_has_a_row_a_box_and_its_score_is_objectness_times_class() -> None:
    output = np.concatenate([CENTRED, [[0.5], [1.0]], SCORES], axis=1)[np.newaxis]
    found = decode_outputs([output], a_detector(Decoder.YOLOV5, score_threshold=0.3))
    assert rows(found) == [(CORNERS[1], 0.5, 1), (CORNERS[0], 0.45, 0)]


def test_raw_levels_of_yolov5_are_decoded_cell_by_cell() -> None:
    """By hand: a logit of 0 is half; so xy = (2 x 0.5 - 0.5 + cell) x stride, wh = (2 x 0.5)^2 x anchor.

    The second level's size logits are ln 3, three quarters: (2 x 0.75)^2 = 2.25 times its anchor.
    """
    fine, coarse = np.full((1, 2, 4, 4, 7), -50.0), np.full((1, 1, 2, 2, 7), -50.0)
    fine[0, 1, 2, 3] = [0, 0, 0, 0, 50, 50, -50]  # second anchor, third row, fourth column; stride 64 / 4 = 16
    coarse[0, 0, 1, 0] = [0, 0, np.log(3), np.log(3), 50, -50, 0]  # second row, first column; stride 32
    task = a_detector(Decoder.YOLOV5_RAW, anchors=((1, 2, 10, 8), (16, 8)), score_threshold=0.01)
    assert rows(decode_outputs([fine, coarse], task)) == [
        (pytest.approx([51, 36, 61, 44]), pytest.approx(1), 0),
        (pytest.approx([-2, 39, 34, 57]), pytest.approx(0.5), 1),
    ]


def test_end_to_end_rows_are_taken_as_they_are() -> None:
    output = np.array([[[8, 16, 12, 24, 0.9, 1], [1, 2, 3, 4, 0.0, 0], [30, 25, 50, 35, 0.5, 0]]], np.float32)
    found = decode_outputs([output], a_detector(Decoder.END_TO_END, score_threshold=0.1))
    assert rows(found) == [([8, 16, 12, 24], pytest.approx(0.9), 1), ([30, 25, 50, 35], 0.5, 0)]


def test_the_task_says_which_output_has_the_boxes() -> None:
    found = decode_outputs([np.zeros((1, 9)), *yolov8()], a_detector(output=1, score_threshold=0.6))
    assert found.classes.tolist() == [0]


def test_only_the_best_candidates_are_taken_where_there_are_too_many() -> None:
    found = decode_outputs(yolov8(), a_detector(most_candidates=2))
    assert found.scores.tolist() == [pytest.approx(0.9), 0.5]


def test_an_image_without_anything_above_the_threshold_has_no_candidates() -> None:
    found = decode_outputs(yolov8(scores=np.zeros((2, 2))), a_detector())
    assert (found.boxes.shape, found.scores.shape, found.classes.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize(
    ("decoder", "shape", "expected"),
    [
        (Decoder.YOLOV8, (1, 7, 100), r"\(1, 6, boxes\), output 0 is \[1, 7, 100\]"),
        (Decoder.YOLOV8, (1, 100, 6), r"\(1, 6, boxes\)"),
        (Decoder.YOLOV8, (2, 6, 100), r"\(1, 6, boxes\)"),
        (Decoder.YOLOV5, (1, 7, 100), r"\(1, boxes, 7\)"),
        (Decoder.END_TO_END, (1, 100, 7), r"\(1, detections, 6\)"),
        (Decoder.END_TO_END, (6,), r"\(1, detections, 6\)"),
    ],
)
def test_an_output_that_does_not_fit_is_told_with_what_was_expected(
    decoder: Decoder, shape: tuple[int, ...], expected: str
) -> None:
    with pytest.raises(MisfitError, match=f"^detection.decoder: {decoder.value} with 2 classes expects {expected}"):
        decode_outputs([np.zeros(shape)], a_detector(decoder))


def test_an_output_without_an_axis_for_the_batch_is_read_alike() -> None:
    (output,) = yolov8()
    assert rows(decode_outputs([output[0]], a_detector())) == rows(decode_outputs([output], a_detector()))


def test_an_output_that_is_not_there_is_told() -> None:
    with pytest.raises(MisfitError, match=r"detection\.output: the network has 1 outputs, none at 3"):
        decode_outputs(yolov8(), a_detector(output=3))


def test_fewer_levels_than_anchors_are_told() -> None:
    task = a_detector(Decoder.YOLOV5_RAW, anchors=((1, 2), (3, 4)))
    with pytest.raises(MisfitError, match="expected 2 outputs"):
        decode_outputs([np.zeros((1, 1, 2, 2, 7))], task)


def test_classes_that_the_task_does_not_name_are_told() -> None:
    with pytest.raises(MisfitError, match=r"expected classes 0\.\.1, got 2\.\.2"):
        decode_outputs([np.array([[[0, 0, 1, 1, 0.9, 2.0]]])], a_detector(Decoder.END_TO_END))


def test_an_output_of_whole_numbers_of_which_nobody_knows_the_scale_is_told() -> None:
    with pytest.raises(MisfitError, match="expected floating point, got uint8"):
        decode_outputs([np.zeros((1, 6, 4), np.uint8)], a_detector())


def test_an_output_that_is_no_number_is_a_broken_variant() -> None:
    with pytest.raises(MisfitError, match="no finite numbers"):
        decode_outputs(yolov8(scores=np.full((2, 2), np.nan)), a_detector())
