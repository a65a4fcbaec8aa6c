"""What pycocotools makes of the same detections, for whoever compares with it."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agent.detection.detecting import Detections
from orchestrator.analysis.accuracy.scoring import DetectionScores
from orchestrator.analysis.accuracy.truth import Truth

Box = tuple[float, float, float, float]


def assert_equal_to_pycocotools(
    scores: DetectionScores, truth: Truth, answers: Mapping[int, Detections], classes: Sequence[str]
) -> None:
    """Every figure equals that of the reference to 1e-6."""
    theirs = reference(truth, answers, classes)
    places = {category_id: place for place, category_id in enumerate(sorted(truth.category_ids(classes)))}
    ours: dict[str, tuple[float | None, float | None]] = {"all": (scores.map50, scores.map50_95)}
    expected = {"all": theirs[:, :, :, 0, 2]}
    for name, category_id in zip(classes, truth.category_ids(classes), strict=True):
        ours[name] = (scores.by_class[name].ap50, scores.by_class[name].ap50_95)
        expected[name] = theirs[:, :, places[category_id], 0, 2]
    for number, name in enumerate(("small", "medium", "large"), start=1):
        ours[name] = (scores.by_size[name].ap50, scores.by_size[name].ap50_95)
        expected[name] = theirs[:, :, :, number, 2]
    for name, precision in expected.items():
        assert ours[name] == pytest.approx(tuple(mean(each) for each in (precision[0], precision)), abs=1e-6), name


def mean(precision: Any) -> float | None:
    return float(precision[precision > -1].mean()) if (precision > -1).any() else None


def reference(truth: Truth, answers: Mapping[int, Detections], classes: Sequence[str]) -> Any:
    """pycocotools' precisions (overlaps, recalls, categories, sizes, numbers of detections)."""
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    categories = truth.category_ids(classes)
    right, given = coco.COCO(), coco.COCO()
    images = [{"id": image_id, "width": width, "height": height} for image_id, (width, height) in truth.sizes.items()]
    described = {"images": images, "categories": [{"id": each} for each in categories]}
    true = [
        as_annotation(each.image_id, each.category_id, each.box, area=each.area, iscrowd=int(each.is_crowd))
        for each in truth.objects
    ]
    guessed = [
        as_annotation(image_id, categories[place], (x, y, x_end - x, y_end - y), score=score, iscrowd=0)
        for image_id, each in answers.items()
        for (x, y, x_end, y_end), score, place in zip(
            each.boxes.tolist(), each.scores.tolist(), each.classes.tolist(), strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        for api, annotations in ((right, true), (given, guessed)):
            numbered = [{"id": number, **each} for number, each in enumerate(annotations, start=1)]
            api.dataset = {**described, "annotations": numbered}
            api.createIndex()
        evaluation = cocoeval.COCOeval(right, given, "bbox")
        evaluation.params.catIds = sorted(categories)
        evaluation.params.imgIds = sorted(answers)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"]


def as_annotation(image_id: int, category_id: int, box: Box, **more: float) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": category_id, "bbox": list(box), "area": box[2] * box[3], **more}
