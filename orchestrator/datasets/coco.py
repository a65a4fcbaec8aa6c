"""Reads a folder in COCO's format: ``annotations.json`` and the images that it names, in the folder or ``images/``.

Everything is checked before anything is used, images themselves when they are decoded.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from agent.wire.names import is_relative_name
from orchestrator.analysis.accuracy.truth import TrueObject, Truth
from orchestrator.datasets.pictures import Levels, decode_picture
from orchestrator.errors import SpecError

ANNOTATIONS: Final = "annotations.json"
IMAGES: Final = "images"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFolder:
    """A data set for detection: what is right, and where each image lies, by its id."""

    truth: Truth
    files: Mapping[int, Path]

    def decode(self, image_id: int) -> Levels:
        """The image's levels, uint8 (rows, columns, 3) in red, green, blue; raises `SpecError` that names the file."""
        levels = decode_picture(self.files[image_id])
        came, said = (levels.shape[1], levels.shape[0]), self.truth.sizes[image_id]
        if came != said:
            turned = "; a camera's note of how to turn it is not applied: turn the pixels" if came == said[::-1] else ""
            raise SpecError(
                f"{self.files[image_id]}: {ANNOTATIONS} says {said[0]} x {said[1]} pixels,"
                f" it has {came[0]} x {came[1]}{turned}"
            )
        return levels


def read_coco(folder: Path) -> CocoFolder:
    """The data set in a folder; raises `SpecError` that names the file, the field and what was expected."""
    path = folder / ANNOTATIONS
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: expected COCO annotations as JSON: {error}") from error
    try:
        images = _read(document, "images", _image)
        categories = _read(document, "categories", _category)
        annotations = _read(document, "annotations", _annotation)
        _check_once("images", "id", [image_id for image_id, _, _ in images])
        _check_once("categories", "id", [category_id for category_id, _ in categories])
        _check_once("categories", "name", [name for _, name in categories])
        _check_once("annotations", "id", [number for number, _ in annotations if number is not None])
        truth = Truth(
            sizes={image_id: size for image_id, size, _ in images},
            categories=dict(categories),
            objects=tuple(each for _, each in annotations),
        )
        _check_inside(truth)
        return CocoFolder(truth=truth, files={image_id: _find(folder, name) for image_id, _, name in images})
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error


def _read(document: Any, field: str, read: Callable[[Any], T]) -> list[T]:
    entries = document.get(field) if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise SpecError(f"{field}: expected a list, got {type(entries).__name__}")
    found = []
    for number, entry in enumerate(entries):
        try:
            found.append(read(entry))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SpecError(f"{field}[{number}]: {type(error).__name__}: {error}; see COCO's format") from error
    return found


def _image(entry: Any) -> tuple[int, tuple[int, int], str]:
    name, width, height = str(entry["file_name"]), int(entry["width"]), int(entry["height"])
    if not is_relative_name(name):
        raise ValueError(f"file_name: expected a relative name, got {name[:80]!r}")
    if width < 1 or height < 1:
        raise ValueError(f"expected a width and height of 1 or more, got {width} x {height}")
    return int(entry["id"]), (width, height), name


def _category(entry: Any) -> tuple[int, str]:
    return int(entry["id"]), str(entry["name"])


def _annotation(entry: Any) -> tuple[int | None, TrueObject]:
    """Its id, where it has one, and the object."""
    return (int(entry["id"]) if "id" in entry else None), _object(entry)


def _object(entry: Any) -> TrueObject:
    left, top, width, height = (float(number) for number in entry["bbox"])
    if not (np.isfinite([left, top, width, height]).all() and width >= 0 and height >= 0):
        raise ValueError(f"bbox: expected left, top, width, height, got {entry['bbox']}")
    area = float(entry.get("area", width * height))
    if not 0 <= area < float("inf"):
        raise ValueError(f"area: expected 0 or more square pixels, got {area}")
    return TrueObject(
        image_id=int(entry["image_id"]),
        category_id=int(entry["category_id"]),
        box=(left, top, width, height),
        area=area,
        is_crowd=bool(entry.get("iscrowd", 0)),
    )


def _check_once(field: str, what: str, found: Sequence[int | str]) -> None:
    seen: set[int | str] = set()
    for each in found:
        if each in seen:
            raise SpecError(f"{field}: expected each {what} once, got {each} again; number or name them anew")
        seen.add(each)


def _check_inside(truth: Truth) -> None:
    """Every box touches its image; one that reaches beyond is cut by nobody, as in COCO's own files."""
    for number, each in enumerate(truth.objects):
        (left, top, width, height), (columns, rows) = each.box, truth.sizes[each.image_id]
        if left > columns or top > rows or left + width < 0 or top + height < 0:
            raise SpecError(
                f"annotations[{number}]: bbox: expected left, top, width, height in pixels of an image of"
                f" {columns} x {rows}, got {[left, top, width, height]}, which lies outside"
            )


def _find(folder: Path, name: str) -> Path:
    found = next((path for path in (folder / IMAGES / name, folder / name) if path.is_file()), None)
    if found is None:
        raise SpecError(f"images: {name} is neither in {folder / IMAGES} nor in {folder}")
    return found
