"""The task file: what it declares, what it refuses, and where it puts an image."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import WireError, dumps, loads
from agent.wire.task import Decoder, Detection, Fit, ImageInput, Placement, Task, TaskKind, place

SMALLEST: dict[str, Any] = {"kind": "classification", "image": {"width": 8, "height": 8}, "classes": ["cat", "dog"]}
YOLO = Detection(decoder=Decoder.YOLOV8)
SIDES = st.integers(1, 3000)


def a_task(**changes: Any) -> Task:
    task = Task(
        kind=TaskKind.DETECTION, image=ImageInput(width=640, height=640), classes=("cat", "dog"), detection=YOLO
    )
    return dataclasses.replace(task, **changes)


def test_a_short_file_is_enough() -> None:
    task = loads(Task, dumps(SMALLEST))
    assert (task.image.fit, task.image.divisor, task.detection) == (Fit.LETTERBOX, 255.0, None)


def test_a_task_comes_back_as_it_was_written() -> None:
    task = a_task(detection=Detection(decoder=Decoder.YOLOV5_RAW, anchors=((10.0, 13.0, 16.0, 30.0), (30.0, 61.0))))
    assert loads(Task, dumps(task)) == task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ()}, "classes"),
        ({"classes": ("cat", "cat")}, "each name once"),
        ({"detection": None}, "detection"),
        ({"kind": TaskKind.CLASSIFICATION}, "detection"),
    ],
)
def test_a_task_that_contradicts_itself_cannot_exist(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError, match=message):
        a_task(**changes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"pad": 256},
        {"divisor": 0.0},
        {"mean": (0.5,)},
        {"std": (1.0, 0.0, 1.0)},
    ],
)
def test_an_impossible_input_is_refused_by_the_name_of_its_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError, match=f"^{next(iter(wrong))}: expected"):
        ImageInput(**{"width": 8, "height": 8, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"overlap": 0.0},
        {"score_threshold": 1.0},
        {"most": 0},
        {"output": -1},
        {"anchors": ((10.0, 13.0),)},
        {"decoder": Decoder.YOLOV5_RAW, "anchors": ()},
        {"decoder": Decoder.YOLOV5_RAW, "anchors": ((10.0, 13.0, 16.0),)},
    ],
)
def test_a_decoder_that_cannot_be_is_refused_by_the_name_of_its_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError, match=f"^{list(wrong)[-1]}: expected"):
        Detection(**{"decoder": Decoder.YOLOV8, **wrong})


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 640), Placement(left=0, top=0, width=640, height=640, scale_x=1.0, scale_y=1.0)),
        ((1280, 960), Placement(left=0, top=80, width=640, height=480, scale_x=0.5, scale_y=0.5)),
        ((320, 640), Placement(left=160, top=0, width=320, height=640, scale_x=1.0, scale_y=1.0)),
        ((500, 375), Placement(left=0, top=80, width=640, height=480, scale_x=1.28, scale_y=1.28)),
        ((4, 7), Placement(left=137, top=0, width=366, height=640, scale_x=91.5, scale_y=640 / 7)),
    ],
)
def test_a_letterbox_keeps_the_shape_and_stands_in_the_middle(size: tuple[int, int], expected: Placement) -> None:
    assert place(*size, ImageInput(width=640, height=640)) == expected


def test_an_odd_pixel_of_filling_is_below() -> None:
    found = place(640, 425, ImageInput(width=640, height=640))
    assert (found.top, 640 - found.top - found.height) == (107, 108)


def test_a_resize_fills_the_input_and_lets_the_shape_go() -> None:
    found = place(100, 50, ImageInput(width=200, height=300, fit=Fit.RESIZE))
    assert found == Placement(left=0, top=0, width=200, height=300, scale_x=2.0, scale_y=6.0)


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(Fit))
def test_an_image_always_lies_within_the_input_and_touches_two_sides(
    w: int, h: int, iw: int, ih: int, fit: Fit
) -> None:
    found = place(w, h, ImageInput(width=iw, height=ih, fit=fit))
    assert found.left >= 0 and found.left + found.width <= iw and found.width >= 1
    assert found.top >= 0 and found.top + found.height <= ih and found.height >= 1
    assert found.width == iw or found.height == ih
