"""How often a classifier is right: by its first answer, and by its first five."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.detection.decoding import Array
from orchestrator.errors import ModelError, SpecError

FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Shares (0..1) of images whose class is the first answer, or among the first five; null where no six exist."""

    images: int
    top1: float
    top5: float | None
    by_class: Sequence[float | None]


def score_classes(answers: Array, labels: Array) -> ClassScores:
    """Scores of answers, float (images, classes), against labels, int (images,) in 0..classes - 1.

    An answer counts as among the first k if fewer than k other classes have at least its score, so that a network
    that says the same of all classes earns nothing. Raises `SpecError` without images or for a label beyond the
    classes, `ModelError` for answers of another shape or that are no numbers.
    """
    if answers.ndim != 2 or len(answers) != len(labels) or answers.shape[1] < 2:
        raise ModelError(f"output: expected ({len(labels)}, classes), got {list(answers.shape)}; it is no classifier's")
    if not len(labels):
        raise SpecError("data set: expected at least one image, got none")
    if not np.isfinite(answers).all():
        raise ModelError("output: it has values that are no finite numbers; the variant is broken")
    classes = answers.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise SpecError(f"data set: expected labels 0..{classes - 1}, got {labels.min()}..{labels.max()}")
    own = answers[np.arange(len(labels)), labels]
    ahead = (answers >= own[:, np.newaxis]).sum(axis=1) - 1
    return ClassScores(
        images=len(labels),
        top1=float((ahead < 1).mean()),
        top5=float((ahead < FEW).mean()) if classes > FEW else None,
        by_class=[_mean(ahead[labels == each] < 1) for each in range(classes)],
    )


def _mean(right: Array) -> float | None:
    return float(right.mean()) if right.size else None
