"""From a detector's outputs to detections in the image: decoded, thinned out, brought back from the letterbox."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.detection.boxes import Floats, to_image
from agent.detection.decoding import Array, decode_outputs
from agent.detection.suppression import Integers, suppress
from agent.wire.task import Decoder, Task, place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """What was found in an image, best first: boxes (n, 4) in its pixels, scores (n,), classes (n,) by the task."""

    boxes: Floats
    scores: Floats
    classes: Integers


def detect(outputs: Sequence[Array], task: Task, *, width: int, height: int) -> Detections:
    """The detections of one image of that size, from the outputs that a network gave for it.

    Raises `MisfitError` where the outputs do not fit the task.
    """
    candidates = decode_outputs(outputs, task)
    wanted = task.detection
    assert wanted is not None  # decode_outputs has refused such a task
    if wanted.decoder is Decoder.END_TO_END:
        kept = np.argsort(-candidates.scores, kind="stable")[: wanted.most]
    else:
        kept = suppress(
            candidates.boxes, candidates.scores, candidates.classes, overlap=wanted.overlap, most=wanted.most
        )
    placement = place(width, height, task.image)
    return Detections(
        boxes=to_image(candidates.boxes[kept], placement, width, height),
        scores=candidates.scores[kept],
        classes=candidates.classes[kept],
    )
