"""Tasks for the tests of scoring."""

from typing import Any

from agent.wire.task import Decoder, Detection, ImageInput, Task, TaskKind


def a_detector(decoder: Decoder = Decoder.YOLOV8, *, side: int = 64, classes: int = 2, **settings: Any) -> Task:
    """A detector of squares of `side` pixels, of classes named a, b ..."""
    return Task(
        kind=TaskKind.DETECTION,
        image=ImageInput(width=side, height=side),
        classes=tuple("abcdefghijklmnopqrstuvwxyz"[:classes]),
        detection=Detection(decoder=decoder, **settings),
    )
