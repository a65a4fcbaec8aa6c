"""How often a classifier is right: by its first answer, and by its first five."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from orchestrator.errors import ModelError, SpecError

FEW: Final = 5
RESAMPLES: Final = 2000
Answer = Sequence[tuple[float, float]]
"""Classes with their scores, best first: all of them, or some more than `FEW`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Shares (0..1) of examples whose class is the first answer, or among the first five; null where no six exist.

    `by_class` holds the share of first answers and the number of examples of each class; `intervals` are of 95 %, by
    the names of the shares.
    """

    images: int
    top1: float
    top5: float | None
    by_class: Sequence[tuple[float | None, int]]
    intervals: Mapping[str, tuple[float, float]]


def score_classes(answers: Sequence[Answer], labels: Sequence[int], classes: int | None = None) -> ClassScores:
    """Scores of answers against labels, one of 0..classes - 1 for each; without `classes` as many as occur.

    An answer counts as among the first k if fewer than k other classes have at least its score, so that a network
    that says the same of all classes earns nothing. Raises `SpecError` without examples or for a label beyond the
    classes, `ModelError` for answers that are no classifier's.
    """
    if not labels:
        raise SpecError("data set: expected at least one example, got none")
    if min(map(len, answers)) < 2:
        raise ModelError("output: expected a score for each of several classes, got one; it is no classifier's")
    if classes is None:
        classes = 1 + max(*labels, *(int(place) for answer in answers for place, _ in answer))
    if max(labels) >= classes:
        raise SpecError(f"data set: expected labels 0..{classes - 1}, got {min(labels)}..{max(labels)}")
    ahead = np.array([_ahead(answer, label) for answer, label in zip(answers, labels, strict=True)])
    has_few = max(map(len, answers)) > FEW
    of = np.array(labels)
    return ClassScores(
        images=len(labels),
        top1=float((ahead < 1).mean()),
        top5=float((ahead < FEW).mean()) if has_few else None,
        by_class=[_share(ahead[of == each] < 1) for each in range(classes)],
        intervals={"top1": _interval(ahead < 1)} | ({"top5": _interval(ahead < FEW)} if has_few else {}),
    )


def _ahead(answer: Answer, label: int) -> int:
    """How many other classes score at least as much as the right one; more than `FEW` where it is not among them."""
    own = next((score for place, score in answer if place == label), None)
    if own is None:
        return len(answer) + FEW
    return sum(score >= own for _, score in answer) - 1


def _share(right: npt.NDArray[np.bool_]) -> tuple[float | None, int]:
    return (float(right.mean()) if right.size else None), int(right.size)


def _interval(right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The percentile bootstrap over examples: what is drawn again of shares is binomial."""
    drawn = np.random.default_rng(0).binomial(right.size, right.mean(), RESAMPLES) / right.size
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
