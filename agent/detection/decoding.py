"""What the families of detectors put out, as candidates: a box, a score, a class each; nothing is suppressed yet.

Formulas: YOLOv5 and v7 by their `Detect` heads (xy = (2 sigmoid - 0.5 + cell) stride, wh = (2 sigmoid)^2 anchor), whose
score is objectness x class; v8, v9 and v11 have no objectness.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.detection.boxes import Floats, from_centres
from agent.detection.suppression import Integers
from agent.wire.task import BoxUnit, ClassesPerBox, Decoder, Detection, ImageInput, Task

Array = npt.NDArray[Any]
BOX: Final = 4  # numbers that make a box
END_TO_END_ROW: Final = 6


class MisfitError(ValueError):
    """A network's outputs that are not what its task says; the message says what came and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Boxes (n, 4) in pixels of the input, scores (n,) in 0..1, classes (n,) as places among the task's."""

    boxes: Floats
    scores: Floats
    classes: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scored:
    """Every box of an output with a score for each class: (n, 4) centre and size, (n, classes)."""

    centred: Floats
    scores: Floats


def decode_outputs(outputs: Sequence[Array], task: Task) -> Candidates:
    """The candidates of one image above the task's threshold, from the network's outputs in order.

    Raises `MisfitError` where the outputs are not what the task's decoder expects, with what came and what to change.
    """
    detection = task.detection
    if detection is None:
        raise MisfitError(f"task: kind {task.kind.value} has no detections; write detection into the task file")
    wanted = list(outputs[detection.output :])
    if not wanted:
        raise MisfitError(f"detection.output: the network has {len(outputs)} outputs, none at {detection.output}")
    if detection.decoder is Decoder.END_TO_END:
        return _end_to_end(_floats(wanted[0], 3), task, detection)
    if detection.decoder is Decoder.YOLOV5_RAW:
        scored = _raw_levels([_floats(output, 5) for output in wanted], task, detection)
    else:
        scored = _DENSE[detection.decoder](_floats(wanted[0], 3), task, detection)
    boxes = _in_pixels(from_centres(scored.centred), detection, task.image)
    return _above_threshold(boxes, scored.scores, detection)


def _floats(output: Array, rank: int) -> Floats:
    """The output with so many axes: a format that knows no batch, such as ncnn, leaves the first one out."""
    if output.dtype.kind != "f":
        raise MisfitError(f"output: expected floating point, got {output.dtype}; export the network with such outputs")
    values = output.astype(np.float64)
    if not np.isfinite(values).all():
        raise MisfitError("output: it has values that are no finite numbers; the variant is broken")
    return values[np.newaxis] if values.ndim == rank - 1 else values


def _yolov8(output: Floats, task: Task, detection: Detection) -> _Scored:
    rows = BOX + len(task.classes)
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] != rows:
        raise _unfit(output, f"(1, {rows}, boxes)", task, detection)
    return _Scored(centred=output[0, :BOX].T, scores=output[0, BOX:].T)


def _yolov5(output: Floats, task: Task, detection: Detection) -> _Scored:
    columns = BOX + 1 + len(task.classes)
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[2] != columns:
        raise _unfit(output, f"(1, boxes, {columns})", task, detection)
    rows = output[0]
    return _Scored(centred=rows[:, :BOX], scores=rows[:, BOX + 1 :] * rows[:, BOX : BOX + 1])


_DENSE: Final[Mapping[Decoder, Callable[[Floats, Task, Detection], _Scored]]] = {
    Decoder.YOLOV8: _yolov8,
    Decoder.YOLOV5: _yolov5,
}


def _raw_levels(outputs: Sequence[Floats], task: Task, detection: Detection) -> _Scored:
    levels = outputs[: len(detection.anchors)]
    if len(levels) < len(detection.anchors):
        expected = f"{len(detection.anchors)} outputs, one for each level of detection.anchors"
        raise MisfitError(f"detection.anchors: expected {expected}, got {len(levels)}")
    scored = [
        _raw_level(level, np.asarray(anchors, np.float64).reshape(-1, 2), task, detection)
        for level, anchors in zip(levels, detection.anchors, strict=True)
    ]
    return _Scored(
        centred=np.concatenate([each.centred for each in scored]),
        scores=np.concatenate([each.scores for each in scored]),
    )


def _raw_level(level: Floats, anchors: Floats, task: Task, detection: Detection) -> _Scored:
    columns = BOX + 1 + len(task.classes)
    if level.ndim != 5 or level.shape[:2] != (1, len(anchors)) or level.shape[4] != columns:
        raise _unfit(level, f"(1, {len(anchors)}, rows, columns, {columns})", task, detection)
    values = 1 / (1 + np.exp(-np.clip(level[0], -500, 500)))
    rows, places = values.shape[1:3]
    stride = np.array([task.image.width / places, task.image.height / rows])
    cells = np.stack(np.meshgrid(np.arange(places), np.arange(rows)), axis=-1)
    centres = (values[..., :2] * 2 - 0.5 + cells) * stride
    sizes = (values[..., 2:BOX] * 2) ** 2 * anchors[:, np.newaxis, np.newaxis]
    scores = values[..., BOX + 1 :] * values[..., BOX : BOX + 1]
    return _Scored(
        centred=np.concatenate([centres, sizes], axis=-1).reshape(-1, BOX), scores=scores.reshape(-1, len(task.classes))
    )


def _end_to_end(output: Floats, task: Task, detection: Detection) -> Candidates:
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[2] != END_TO_END_ROW:
        raise _unfit(output, f"(1, detections, {END_TO_END_ROW})", task, detection)
    rows = output[0][output[0][:, BOX] > detection.score_threshold]
    classes = np.rint(rows[:, BOX + 1]).astype(np.int64)
    if classes.size and not (classes.min() >= 0 and classes.max() < len(task.classes)):
        came = f"{classes.min()}..{classes.max()}"
        raise MisfitError(
            f"output: expected classes 0..{len(task.classes) - 1}, got {came}; the task names other classes"
        )
    return Candidates(boxes=_in_pixels(rows[:, :BOX], detection, task.image), scores=rows[:, BOX], classes=classes)


def _in_pixels(boxes: Floats, detection: Detection, image: ImageInput) -> Floats:
    if detection.boxes is BoxUnit.PIXELS:
        return boxes
    return boxes * np.array([image.width, image.height] * 2, np.float64)


def _above_threshold(boxes: Floats, scores: Floats, detection: Detection) -> Candidates:
    """The candidates, best first, at most as many as the task takes."""
    if detection.classes_per_box is ClassesPerBox.EVERY:
        places, classes = np.nonzero(scores > detection.score_threshold)
    else:
        best = scores.argmax(axis=1)
        places = np.nonzero(scores.max(axis=1) > detection.score_threshold)[0]
        classes = best[places]
    found = scores[places, classes]
    order = np.argsort(-found, kind="stable")[: detection.most_candidates]
    return Candidates(boxes=boxes[places[order]], scores=found[order], classes=classes[order].astype(np.int64))


def _unfit(output: Floats, expected: str, task: Task, detection: Detection) -> MisfitError:
    return MisfitError(
        f"detection.decoder: {detection.decoder.value} with {len(task.classes)} classes expects {expected}, "
        f"output {detection.output} is {list(output.shape)}; name another decoder, output or list of classes"
    )
