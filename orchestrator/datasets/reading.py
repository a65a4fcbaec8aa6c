"""Data sets of all kinds, read alike: which kind a path is, what is right, and how its examples are packed."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.datasets.coco import ANNOTATIONS, read_coco
from orchestrator.datasets.image_folder import read_image_folder
from orchestrator.datasets.packing import Progress, pack_images
from orchestrator.datasets.tensors import read_tensors
from orchestrator.datasets.truth_file import Known
from orchestrator.errors import SpecError


class DatasetKind(enum.Enum):
    """What a data set holds: images with objects, images with a class each, ready-made inputs with a label each."""

    DETECTION = "detection"
    CLASSIFICATION = "classification"
    TENSORS = "tensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSet:
    """A data set that was found to be sound; `pack` writes its examples into one .npz file for boards."""

    kind: DatasetKind
    truth: Known
    pack: Callable[[Path, Progress | None], None]


def read_dataset(path: Path, kind: DatasetKind | None = None) -> ReadSet:
    """The data set at a path, of the kind that it looks like unless told; raises `SpecError` with what is wrong."""
    match kind or kind_of(path):
        case DatasetKind.DETECTION as found:
            coco = read_coco(path)
            return ReadSet(
                kind=found, truth=coco.truth, pack=lambda target, told: pack_images(coco, coco.files, target, told)
            )
        case DatasetKind.CLASSIFICATION as found:
            folder = read_image_folder(path)
            return ReadSet(
                kind=found,
                truth=folder.truth,
                pack=lambda target, told: pack_images(folder, folder.files, target, told),
            )
        case DatasetKind.TENSORS as found:
            tensors = read_tensors(path)
            return ReadSet(kind=found, truth=tensors.truth, pack=tensors.pack)


def kind_of(path: Path) -> DatasetKind:
    """What a path looks like; raises `SpecError` where it looks like nothing known."""
    if path.suffix.lower() == ".npz" and path.is_file():
        return DatasetKind.TENSORS
    if (path / ANNOTATIONS).is_file():
        return DatasetKind.DETECTION
    if path.is_dir():
        return DatasetKind.CLASSIFICATION
    raise SpecError(
        f"{path}: expected a folder with {ANNOTATIONS} (COCO), a folder with one for each class, or an .npz file"
    )
