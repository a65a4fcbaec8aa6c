"""What is right, kept as a file beside a data set's images: JSON, the same bytes for the same truth.

Only the farm reads it; no board ever gets it.
"""

import json
from pathlib import Path
from typing import Any

from orchestrator.analysis.accuracy.truth import Labels, TrueObject, Truth
from orchestrator.errors import InternalError, SpecError

Known = Truth | Labels


def write_truth(truth: Known, path: Path) -> None:
    """Write the file."""
    document = _objects(truth) if isinstance(truth, Truth) else _labels(truth)
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")), encoding="utf-8")


def read_truth(path: Path) -> Known:
    """What `write_truth` wrote; raises `InternalError` for anything else."""
    try:
        match json.loads(path.read_bytes()):
            case {"images": images, "categories": categories, "objects": objects}:
                return Truth(
                    sizes={number: (width, height) for number, width, height in images},
                    categories=dict(categories),
                    objects=tuple(map(_object, objects)),
                )
            case {"labels": labels, "classes": classes}:
                return Labels(by_example=dict(labels), classes=tuple(classes))
    except (OSError, TypeError, ValueError, SpecError) as error:
        raise InternalError(f"{path}: is damaged: {error}; add the data set again") from error
    raise InternalError(f"{path}: is no truth of a data set; add the data set again")


def _objects(truth: Truth) -> dict[str, Any]:
    return {
        "images": [[number, *size] for number, size in sorted(truth.sizes.items())],
        "categories": sorted([number, name] for number, name in truth.categories.items()),
        "objects": [[o.image_id, o.category_id, *o.box, o.area, o.is_crowd] for o in truth.objects],
    }


def _object(entry: Any) -> TrueObject:
    image_id, category_id, left, top, width, height, area, is_crowd = entry
    return TrueObject(
        image_id=image_id, category_id=category_id, box=(left, top, width, height), area=area, is_crowd=is_crowd
    )


def _labels(truth: Labels) -> dict[str, Any]:
    return {"labels": sorted([number, label] for number, label in truth.by_example.items()), "classes": truth.classes}
