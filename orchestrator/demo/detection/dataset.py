"""Writes the validation scenes as a folder in COCO's format: ``python -m orchestrator.demo.detection.dataset FOLDER``.

The same pixels and annotations everywhere; how small a PNG gets is up to the machine's zlib.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from orchestrator.datasets.coco import ANNOTATIONS, IMAGES
from orchestrator.demo.detection import MODEL_NAME
from orchestrator.demo.detection.scenes import (
    SIDE,
    VALIDATION_SCENES,
    VALIDATION_SEED,
    Glyphs,
    Scene,
    draw_scene,
    held_out_glyphs,
)
from orchestrator.demo.digits import CLASSES


def main() -> None:
    """Writes the folder and says what is in it."""
    parser = argparse.ArgumentParser(description="Write the scenes with held-out digits as a COCO-format data set.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=VALIDATION_SCENES, help="how many scenes, from the first on")
    given = parser.parse_args()
    objects = write_dataset(given.folder, given.images)
    print(f"{given.images} images with {objects} digits in {given.folder}")  # noqa: T201 - a program's output


def write_dataset(folder: Path, images: int = VALIDATION_SCENES) -> int:
    """Write the first `images` validation scenes; returns how many digits are in them."""
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    document = _document()
    for image_id, scene in enumerate(_scenes(held_out_glyphs(), images), start=1):
        name = f"{image_id:06}.png"
        Image.fromarray(scene.levels).save(folder / IMAGES / name)
        document["images"].append({"id": image_id, "file_name": name, "width": SIDE, "height": SIDE})
        document["annotations"] += [
            {
                "id": len(document["annotations"]) + number,
                "image_id": image_id,
                "category_id": each.digit + 1,
                "bbox": list(each.box),
                "area": each.box[2] * each.box[3],
                "iscrowd": 0,
            }
            for number, each in enumerate(scene.objects, start=1)
        ]
    (folder / ANNOTATIONS).write_text(json.dumps(document) + "\n", encoding="utf-8")
    return len(document["annotations"])


def _scenes(glyphs: Glyphs, count: int) -> Iterator[Scene]:
    return (draw_scene(glyphs, VALIDATION_SEED, number) for number in range(count))


def _document() -> dict[str, Any]:
    return {
        "info": {
            "description": f"{MODEL_NAME}: held-out digits in scenes, seed {VALIDATION_SEED}",
            "source": "Optical Recognition of Handwritten Digits, UCI, doi 10.24432/C50P49, CC BY 4.0",
        },
        "images": [],
        "categories": [{"id": digit + 1, "name": str(digit)} for digit in range(CLASSES)],
        "annotations": [],
    }


if __name__ == "__main__":
    main()
