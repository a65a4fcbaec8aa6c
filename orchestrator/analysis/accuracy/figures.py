"""Scores as figures with names, the same for detectors and classifiers: what is kept, ranked by and shown. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.analysis.accuracy.classifying import ClassScores
from orchestrator.analysis.accuracy.scoring import DetectionScores

MAP50: Final = "mAP50"
MAP50_95: Final = "mAP50-95"
TOP1: Final = "top1"
TOP5: Final = "top5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A metric's value with its 95 % interval over examples, null where none was made."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Metrics by name; `details` are plain JSON: `objects`, and figures `by_class` and `by_size`, each with a name."""

    examples: int
    metrics: Mapping[str, Figure]
    details: Mapping[str, Any]


def figures_of_detections(scores: DetectionScores) -> Figures:
    """The figures of a detector."""
    rows = {"by_class": scores.by_class, "by_size": scores.by_size}
    details = {
        part: [
            {"name": name, MAP50: each.ap50, MAP50_95: each.ap50_95, "objects": each.objects}
            for name, each in found.items()
        ]
        for part, found in rows.items()
    }
    return Figures(
        examples=scores.images,
        metrics={
            MAP50: _figure(scores.map50, scores.map50_ci),
            MAP50_95: _figure(scores.map50_95, scores.map50_95_ci),
        },
        details={"objects": scores.objects, **details},
    )


def figures_of_classes(scores: ClassScores, names: Sequence[str]) -> Figures:
    """The figures of a classifier; a class without a name is called by its number."""
    known = {TOP1: scores.top1, TOP5: scores.top5}
    metrics = {}
    for name, value in known.items():
        if value is not None:
            metrics[name] = _figure(value, scores.intervals[name])
    by_class = [
        {"name": names[place] if place < len(names) else str(place), TOP1: share, "examples": examples}
        for place, (share, examples) in enumerate(scores.by_class)
        if examples or place < len(names)
    ]
    details = {"objects": None, "by_class": by_class, "by_size": []}
    return Figures(examples=scores.images, metrics=metrics, details=details)


def _figure(value: float, interval: tuple[float, float] | None) -> Figure:
    low, high = interval or (None, None)
    return Figure(value=value, low=low, high=high)
