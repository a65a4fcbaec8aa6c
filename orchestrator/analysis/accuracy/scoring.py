"""Detections against the truth: average precision as COCO defines it, computed by faster-coco-eval.

AP is the mean of the precision at 101 recalls, for boxes that overlap an object of their category by at least 0.5
(map50), or the mean over 0.5, 0.55 ... 0.95 (map50_95); at most 100 detections of a category in an image count. Sizes
are COCO's: an object of up to 32 x 32 pixels of the image is small, from 96 x 96 on it is large, on a border both. What
the truth has no object of has no figure: null, never 0. Intervals are of 95 %, by drawing images again, and are about
the mean of mAP over data sets of as many such images, for mAP itself falls a little with more of them
(`benchmarks/accuracy_intervals.py` says how often they hold it).
"""

import math
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from faster_coco_eval import COCO, COCOeval_faster

from agent.detection.detecting import Detections
from orchestrator.analysis.accuracy.truth import Truth
from orchestrator.errors import SpecError

SIZES: Final[Mapping[str, tuple[float, float]]] = {
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, math.inf),
}
MOST_AT_ONCE: Final = 100_000  # detections; each takes about 1 kB while it is compared
RESAMPLES: Final = 200
RESAMPLES_A_STEP: Final = 50
LEAST_IMAGES: Final = 200  # for an interval: of fewer it would hold what it is about less often than it says
WIDTH: Final = 1.96  # standard errors on either side, 95 %
_ALL_SIZES: Final = 0
_MOST_DETECTIONS: Final = -1  # of the numbers of detections that COCO looks at, the last: 100
_OVERLAP_HALF: Final = 0

Floats = npt.NDArray[np.float64]


Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Average precision (0..1) at an overlap of 0.5 and over 0.5 ... 0.95, and of how many objects."""

    ap50: float | None
    ap50_95: float | None
    objects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScores:
    """How right a detector is, overall, by class (by name, in the network's order) and by size of object.

    Intervals are null of fewer than `LEAST_IMAGES` images.
    """

    images: int
    objects: int
    map50: float
    map50_95: float
    map50_ci: Interval | None
    map50_95_ci: Interval | None
    by_class: Mapping[str, Precision]
    by_size: Mapping[str, Precision]


def score_detections(
    truth: Truth,
    found: Mapping[int, Detections],
    classes: Sequence[str],
    step: Callable[[], None] = lambda: None,
    most_at_once: int = MOST_AT_ONCE,
) -> DetectionScores:
    """Scores of a network with those classes; `found` has the detections of each image that it was shown, by id.

    Images that it was not shown are left out, and so are objects of categories that it does not know. `step` is called
    every few seconds of work, before `most_at_once` more detections are compared. Raises
    `SpecError` where that leaves no object, or for an image or class that the data set does not have.
    """
    shown = truth.of_images(found.keys())
    categories = truth.category_ids(classes)
    objects = [each for each in shown.objects if each.category_id in set(categories) and not each.is_crowd]
    if not objects:
        raise SpecError("data set: expected at least one object of the network's classes in the images, got none")
    parts, again = [], []
    for group in _groups(found, categories, most_at_once):
        step()
        evaluation = _evaluated(shown, found, categories, group)
        parts.append(_precision(evaluation))
        again.append(_resampled(evaluation, step))
    precision = np.concatenate(parts, axis=2)
    map50_ci, map50_95_ci = _intervals(precision[:, :, :, _ALL_SIZES], np.concatenate(again, axis=2), len(shown.sizes))
    places = {category_id: place for place, category_id in enumerate(sorted(categories))}
    by_class = {
        name: _figures(
            precision[:, :, places[category_id], _ALL_SIZES],
            sum(each.category_id == category_id for each in objects),
        )
        for name, category_id in zip(classes, categories, strict=True)
    }
    by_size = {
        size: _figures(precision[:, :, :, place], sum(least <= each.area <= most for each in objects))
        for place, (size, (least, most)) in enumerate(SIZES.items(), start=1)
    }
    overall = precision[:, :, :, _ALL_SIZES]
    return DetectionScores(
        images=len(shown.sizes),
        objects=len(objects),
        map50=_mean(overall[_OVERLAP_HALF]) or 0.0,
        map50_95=_mean(overall) or 0.0,
        map50_ci=map50_ci,
        map50_95_ci=map50_95_ci,
        by_class=by_class,
        by_size=by_size,
    )


def _groups(found: Mapping[int, Detections], categories: Sequence[int], most: int) -> Iterator[list[int]]:
    """The categories in order of id, cut where more than `most` detections would come together.

    Categories have nothing to do with each other, so that not all of them need be in memory at once.
    """
    counts = np.zeros(len(categories), np.int64)
    for each in found.values():
        counts += np.bincount(each.classes, minlength=len(categories))
    group: list[int] = []
    waiting = 0
    for category_id, count in sorted(zip(categories, counts.tolist(), strict=True)):
        if group and waiting + count > most:
            yield group
            group, waiting = [], 0
        group.append(category_id)
        waiting += count
    yield group


def _evaluated(
    truth: Truth, found: Mapping[int, Detections], categories: Sequence[int], group: Sequence[int]
) -> COCOeval_faster:
    """The group's categories, compared image by image."""
    images = [{"id": each, "width": width, "height": height} for each, (width, height) in truth.sizes.items()]
    described = {"images": images, "categories": [{"id": each, "name": str(each)} for each in group]}
    right = COCO({**described, "annotations": _truths(truth, frozenset(group))})
    given = COCO({**described, "annotations": _answers(found, categories, frozenset(group))})
    evaluation = COCOeval_faster(right, given, iouType="bbox", separate_eval=True)
    evaluation.params.imgIds = sorted(truth.sizes)
    evaluation.params.catIds = list(group)
    evaluation.evaluate()
    return evaluation


def _precision(evaluation: COCOeval_faster) -> Floats:
    """Precisions (overlaps, recalls, the group's categories, sizes); -1 where there is nothing to find."""
    evaluation.accumulate()
    result = evaluation.eval
    return np.asarray(result["precision"], np.float64).reshape(result["counts"])[..., _MOST_DETECTIONS]


def _resampled(evaluation: COCOeval_faster, step: Callable[[], None]) -> Floats:
    """Average precisions (resamples, AP50 and AP50-95, the group's categories) of images drawn again; NaN: no object.

    Only the last part of the work is done again, on what is known of each image; all groups draw the same images.
    """
    known, asked = evaluation._evalImgs_cpp, evaluation._paramsEval
    images, sizes = len(asked.imgIds), len(asked.areaRng)
    starts = range(0, len(known), sizes * images)  # of the categories; the first `images` of each are of all sizes
    asked.areaRng, asked.areaRngLbl = asked.areaRng[:1], asked.areaRngLbl[:1]
    asked.maxDets = asked.maxDets[_MOST_DETECTIONS:]
    found = np.empty((RESAMPLES, 2, len(starts)))
    for number in range(RESAMPLES):
        if number % RESAMPLES_A_STEP == 0:
            step()
        drawn = np.random.default_rng(number).integers(0, images, images).tolist()
        evaluation._evalImgs_cpp = [known[start + place] for start in starts for place in drawn]
        precision = _precision(evaluation)[:, :, :, _ALL_SIZES]
        by_category = np.ascontiguousarray(precision.transpose(2, 0, 1))  # a mean is then the same in every group
        by_overlap = np.where(by_category[:, :, 0] > -1, by_category.mean(axis=2), np.nan)
        found[number] = by_overlap[:, _OVERLAP_HALF], by_overlap.mean(axis=1)
    return found


def _intervals(precision: Floats, again: Floats, images: int) -> tuple[Interval | None, Interval | None]:
    """Intervals of the two means over categories that have objects; `again` as `_resampled` gives it."""
    if images < LEAST_IMAGES:
        return None, None
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # images drawn without any object
        means = np.nanmean(again, axis=2)
    values = _mean(precision[_OVERLAP_HALF]) or 0.0, _mean(precision) or 0.0
    first, second = (_interval(value, drawn) for value, drawn in zip(values, means.T, strict=True))
    return first, second


def _interval(value: float, drawn: Floats) -> Interval:
    """By the standard error: images drawn twice make AP a little better, so that percentiles would lie too high."""
    half = WIDTH * float(np.nanstd(drawn))
    return max(0.0, value - half), min(1.0, value + half)


def _truths(truth: Truth, group: Collection[int]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "image_id": each.image_id,
            "category_id": each.category_id,
            "bbox": list(each.box),
            "area": each.area,
            "iscrowd": int(each.is_crowd),
        }
        for number, each in enumerate(truth.objects, start=1)
        if each.category_id in group
    ]


def _answers(
    found: Mapping[int, Detections], categories: Sequence[int], group: Collection[int]
) -> list[dict[str, Any]]:
    rows = [
        (image_id, categories[place], [left, top, right - left, bottom - top], score)
        for image_id, each in sorted(found.items())
        for (left, top, right, bottom), score, place in zip(
            each.boxes.tolist(), each.scores.tolist(), each.classes.tolist(), strict=True
        )
        if categories[place] in group
    ]
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
            "score": score,
        }
        for number, (image_id, category_id, box, score) in enumerate(rows, start=1)
    ]


def _figures(precision: Floats, objects: int) -> Precision:
    return Precision(ap50=_mean(precision[_OVERLAP_HALF]), ap50_95=_mean(precision), objects=objects)


def _mean(precision: Floats) -> float | None:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else None
