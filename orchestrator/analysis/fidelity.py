"""How far a variant's answers are from the baseline's, for the same inputs: no labels are needed to see a broken file.

Pure. The first axis of every array counts examples. One row of several numbers an example is taken for scores of
classes. Boxes are compared where a task says how to decode them: in an output that joins boxes and scores, boxes are so
much larger that the cosine hardly sees the scores.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.wire.task import Task, TaskKind
from orchestrator.analysis.box_agreement import BoxAgreement, compare_boxes

BROKEN_COSINE: Final = 0.9
ALIKE_COSINE: Final = 0.999
BROKEN_BOXES: Final = 0.5
ALIKE_BOXES: Final = 0.95
ALIKE_SCORES: Final = 0.05
FEW_BOXES: Final = 20  # of both sides together: with fewer, one that is missing would count for 10 % and more
Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class Likeness(enum.Enum):
    """In one word, the worse of two. Broken: values that are no numbers, other shapes, or below the lower bound.

    Cosine: alike from 0.999 on, broken below 0.9. Boxes that have a partner: alike from 95 % on if scores of pairs
    differ by at most 0.05 on average, broken below 50 %.
    """

    ALIKE = "alike"
    CLOSE = "close"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """A variant against the baseline, over all outputs and examples.

    Errors are absolute; `max_relative_error` is a share of the baseline's largest magnitude. `cosine` is the least of
    any output. `top1` is the share of rows with the same first class, null where the outputs are no classification.
    `boxes` are those of a detector whose task is known.
    """

    examples: int
    max_error: float | None
    mean_error: float | None
    max_relative_error: float | None
    cosine: float | None
    top1: float | None
    likeness: Likeness
    remark: str = ""
    boxes: BoxAgreement | None = None


def compare_answers(
    baseline: Sequence[Array], variant: Sequence[Array], task: Task | None = None, *, are_real: bool = True
) -> Fidelity:
    """Output by output, in order; `are_real` says whether the inputs were: boxes found in noise judge nobody.

    Raises `ModelError` where a detector's outputs do not fit its task.
    """
    examples = len(baseline[0]) if baseline else 0
    pairs = [_laid_out_alike(one, other) for one, other in zip(baseline, variant, strict=False)]
    if len(baseline) != len(variant) or any(pair is None for pair in pairs):
        shapes = " and ".join(str([list(each.shape[1:]) for each in side]) for side in (baseline, variant))
        return _broken(examples, f"other outputs: {shapes}")
    known = [pair for pair in pairs if pair is not None]
    if any(not np.isfinite(other).all() for _, other in known):
        return _broken(examples, "answers that are no finite numbers")
    errors = [np.abs(one - other) for one, other in known]
    largest = max((float(np.abs(one).max(initial=0.0)) for one, _ in known), default=0.0)
    worst = max((float(error.max(initial=0.0)) for error in errors), default=0.0)
    cosine = min((_cosine(one, other) for one, other in known), default=1.0)
    boxes = _boxes(known, task)
    why_not = _why_not_judged(boxes, are_real=are_real)
    return Fidelity(
        examples=examples,
        max_error=worst,
        mean_error=float(np.mean([error.mean() for error in errors])) if errors else 0.0,
        max_relative_error=worst / largest if largest > 0 else None,
        cosine=cosine,
        top1=_same_first_class(known),
        likeness=_likeness(cosine, None if why_not else boxes),
        remark=why_not,
        boxes=boxes,
    )


def _boxes(pairs: Sequence[tuple[Floats, Floats]], task: Task | None) -> BoxAgreement | None:
    if task is None or task.kind is not TaskKind.DETECTION or not pairs:
        return None
    ones, others = zip(*pairs, strict=True)
    return compare_boxes(zip(*ones, strict=True), zip(*others, strict=True), task)


def _laid_out_alike(one: Array, other: Array) -> tuple[Floats, Floats] | None:
    """Both as numbers of the baseline's shape; a missing batch axis and channels that stand last are seen through."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    candidates = [second]
    if second.ndim == first.ndim and first.ndim == 5:
        candidates.append(np.moveaxis(second, -1, 2))
    if second.size == first.size and [s for s in second.shape if s != 1] == [s for s in first.shape if s != 1]:
        candidates.append(second.reshape(first.shape))
    fitting = next((each for each in candidates if each.shape == first.shape), None)
    return None if fitting is None else (first, fitting)


def _cosine(one: Floats, other: Floats) -> float:
    """The least cosine of any example; two answers of nothing but zeros are the same."""
    rows, others = one.reshape(len(one), -1), other.reshape(len(other), -1)
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    dots = np.einsum("ij,ij->i", rows, others)
    same = (rows == others).all(axis=1)
    return float(np.min(np.where(same, 1.0, dots / np.where(norms > 0, norms, np.inf)), initial=1.0))


def _same_first_class(pairs: Sequence[tuple[Floats, Floats]]) -> float | None:
    if len(pairs) != 1 or pairs[0][0].ndim > 3 or pairs[0][0].shape[-1] < 2:
        return None
    one, other = (each.reshape(-1, each.shape[-1]) for each in pairs[0])
    if len(one) != len(pairs[0][0]):  # several rows an example: not one classification
        return None
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean())


def _likeness(cosine: float, boxes: BoxAgreement | None) -> Likeness:
    share = 1.0 if boxes is None or boxes.share is None else boxes.share
    apart = 0.0 if boxes is None or boxes.score_difference is None else boxes.score_difference
    if cosine < BROKEN_COSINE or share < BROKEN_BOXES:
        return Likeness.BROKEN
    is_alike = cosine >= ALIKE_COSINE and share >= ALIKE_BOXES and apart <= ALIKE_SCORES
    return Likeness.ALIKE if is_alike else Likeness.CLOSE


def _why_not_judged(boxes: BoxAgreement | None, *, are_real: bool) -> str:
    """Empty where boxes count, or where there is none to compare."""
    if boxes is None:
        return ""
    if not are_real:
        return "boxes in noise judge nobody: give --examples FILE.npz"
    return f"{boxes.boxes} boxes are too few to judge by: give more --examples" if boxes.boxes < FEW_BOXES else ""


def _broken(examples: int, remark: str) -> Fidelity:
    return Fidelity(
        examples=examples,
        max_error=None,
        mean_error=None,
        max_relative_error=None,
        cosine=None,
        top1=None,
        likeness=Likeness.BROKEN,
        remark=remark,
    )
