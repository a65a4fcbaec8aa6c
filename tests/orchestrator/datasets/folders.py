"""Small data sets for tests, as folders in COCO's format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from orchestrator.datasets.coco import ANNOTATIONS, IMAGES


def a_document(**changes: Any) -> dict[str, Any]:
    """Two images, one annotation each."""
    document: dict[str, Any] = {
        "images": [
            {"id": 4, "file_name": "a.png", "width": 6, "height": 4},
            {"id": 9, "file_name": "b.png", "width": 3, "height": 5},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 4, "category_id": 18, "bbox": [1, 1, 2, 2], "area": 3.5, "iscrowd": 0},
            {"id": 2, "image_id": 9, "category_id": 1, "bbox": [0, 0, 3, 5], "iscrowd": 1},
        ],
    }
    return {**document, **changes}


def write_folder(folder: Path, document: dict[str, Any] | None = None) -> Path:
    """The folder with its annotations and both images; their levels are those of `levels_of`."""
    (folder / IMAGES).mkdir(parents=True)
    (folder / ANNOTATIONS).write_text(json.dumps(a_document() if document is None else document))
    for name, (width, height) in {"a.png": (6, 4), "b.png": (3, 5)}.items():
        Image.fromarray(levels_of(width, height)).save(folder / IMAGES / name)
    return folder


def levels_of(width: int, height: int) -> Any:
    """Levels that differ in every pixel and channel."""
    return np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
