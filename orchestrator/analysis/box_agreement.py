"""Whether two variants of a detector find the same things in the same inputs, without a label.

Pure. What scores at least `CONFIDENT` counts, on both sides: below it a network lists what it hardly believes in, by
the hundred. The best detection of the baseline chooses its partner first, among those of its class the one that
overlaps it most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agent.detection.boxes import overlaps
from agent.detection.decoding import Array, MisfitError
from agent.detection.detecting import Detections, detect
from agent.wire.task import Task
from orchestrator.errors import ModelError

CONFIDENT: Final = 0.25
SAME_OVERLAP: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAgreement:
    """How many boxes the baseline and the variant found, and how many of them are pairs: one class, IoU of 0.5 or more.

    `share` is the part of both sides' boxes that have a partner, null where nobody found any; `mean_overlap` (IoU) and
    `score_difference` (absolute, mean) are those of the pairs, null without one.
    """

    baseline: int
    variant: int
    matched: int
    share: float | None
    mean_overlap: float | None
    score_difference: float | None

    @property
    def boxes(self) -> int:
        """Boxes of both sides together."""
        return self.baseline + self.variant


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    overlap: float
    score_difference: float


def compare_boxes(baseline: Iterable[Sequence[Array]], variant: Iterable[Sequence[Array]], task: Task) -> BoxAgreement:
    """Outputs of a detector, one sequence an input, decoded by its task and compared input by input.

    Raises `ModelError` where they do not fit the task.
    """
    ones, others = ([_confident(outputs, task) for outputs in side] for side in (baseline, variant))
    pairs = [pair for one, other in zip(ones, others, strict=True) for pair in _pairs(one, other)]
    found, also = (sum(len(each.scores) for each in side) for side in (ones, others))
    return BoxAgreement(
        baseline=found,
        variant=also,
        matched=len(pairs),
        share=2 * len(pairs) / (found + also) if found + also else None,
        mean_overlap=float(np.mean([pair.overlap for pair in pairs])) if pairs else None,
        score_difference=float(np.mean([pair.score_difference for pair in pairs])) if pairs else None,
    )


def _confident(outputs: Sequence[Array], task: Task) -> Detections:
    """What is found with confidence, in pixels of the network's input."""
    if task.detection is not None:
        threshold = max(task.detection.score_threshold, CONFIDENT)
        task = replace(task, detection=replace(task.detection, score_threshold=threshold))
    try:
        return detect(outputs, task, width=task.image.width, height=task.image.height)
    except MisfitError as error:
        raise ModelError(f"task: the baseline's outputs do not fit it: {error}") from error


def _pairs(one: Detections, other: Detections) -> Iterator[_Pair]:
    free = np.ones(len(other.scores), np.bool_)
    for box, score, own_class in zip(one.boxes, one.scores, one.classes, strict=True):
        shared = np.where(free & (other.classes == own_class), overlaps(box, other.boxes), 0.0)
        best = int(shared.argmax()) if shared.size else 0
        if shared.size and shared[best] >= SAME_OVERLAP:
            free[best] = False
            yield _Pair(overlap=float(shared[best]), score_difference=float(abs(score - other.scores[best])))
