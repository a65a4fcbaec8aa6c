"""From outputs to boxes in the image."""

import numpy as np
import pytest

from agent.detection.detecting import detect
from agent.wire.task import Decoder, Fit, ImageInput, Task, TaskKind
from tests.orchestrator.analysis.accuracy.tasks import a_detector

# In an input of 64 x 64, an image of 128 x 64 lies in rows 16 to 48, at half its size.
WIDE = {"width": 128, "height": 64}


def of_boxes(*centred: list[float]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    scores = [[0.9 - 0.1 * place, 0.0] for place in range(len(centred))]
    return [np.concatenate([np.array(centred, float), scores], axis=1).T[np.newaxis]]


def test_a_box_comes_back_from_the_letterbox() -> None:
    found = detect(of_boxes([32, 32, 16, 8]), a_detector(), **WIDE)
    assert found.boxes.tolist() == [[48, 24, 80, 40]]
    assert (found.scores.tolist(), found.classes.tolist()) == ([pytest.approx(0.9)], [0])


def test_a_box_is_cut_at_the_edges_of_the_image() -> None:
    found = detect(of_boxes([2, 16, 8, 8]), a_detector(), **WIDE)
    assert found.boxes.tolist() == [[0, 0, 12, 8]]


def test_a_box_comes_back_from_a_stretched_image_side_by_side() -> None:
    task = a_detector()
    stretched = Task(
        kind=TaskKind.DETECTION,
        image=ImageInput(width=64, height=64, fit=Fit.RESIZE),
        classes=task.classes,
        detection=task.detection,
    )
    assert detect(of_boxes([32, 32, 16, 8]), stretched, **WIDE).boxes.tolist() == [[48, 28, 80, 36]]


def test_what_overlaps_is_thinned_out() -> None:
    found = detect(of_boxes([32, 32, 16, 8], [32, 32, 16, 9], [50, 32, 4, 4]), a_detector(), **WIDE)
    assert found.scores.tolist() == [pytest.approx(0.9), pytest.approx(0.7)]


def test_what_comes_end_to_end_is_not_thinned_out_but_sorted_and_cut() -> None:
    output = np.array([[[8, 20, 12, 24, 0.5, 1], [8, 20, 12, 24, 0.9, 1], [8, 20, 12, 24, 0.7, 1]]])
    found = detect([output], a_detector(Decoder.END_TO_END, most=2), **WIDE)
    assert found.scores.tolist() == [0.9, 0.7]
