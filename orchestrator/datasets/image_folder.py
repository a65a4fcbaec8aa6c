"""Reads a folder of pictures for classification: a folder for each class, with its pictures in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.analysis.accuracy.truth import Labels
from orchestrator.datasets.pictures import SUFFIXES, Levels, decode_picture
from orchestrator.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFolder:
    """Pictures by id, 1 and on in order of class and name, and which class each is of."""

    files: Mapping[int, Path]
    classes: Mapping[int, str]

    def decode(self, image_id: int) -> Levels:
        """The picture's levels, uint8 (rows, columns, 3) in red, green, blue; raises `SpecError`."""
        return decode_picture(self.files[image_id])

    @property
    def truth(self) -> Labels:
        """The class of each picture; classes in order of their names."""
        names = sorted(set(self.classes.values()))
        places = {name: place for place, name in enumerate(names)}
        return Labels(
            by_example={image_id: places[name] for image_id, name in self.classes.items()}, classes=tuple(names)
        )


def read_image_folder(folder: Path) -> ImageFolder:
    """The data set in a folder; pictures in folders within one belong to its class.

    Other files than pictures, and what is hidden, are passed over. Raises `SpecError` where there is no picture.
    """
    try:
        found = [
            (each.name, path)
            for each in sorted(folder.iterdir())
            if each.is_dir() and not each.name.startswith(".")
            for path in sorted(each.rglob("*"))
            if _is_picture(path.relative_to(each)) and path.is_file()
        ]
    except OSError as error:
        raise SpecError(f"{folder}: cannot be read: {error}") from error
    if not found:
        raise SpecError(
            f"{folder}: expected a folder for each class, with pictures ({', '.join(sorted(SUFFIXES))}) in it"
        )
    numbered = list(enumerate(found, start=1))
    return ImageFolder(
        files={image_id: path for image_id, (_, path) in numbered},
        classes={image_id: name for image_id, (name, _) in numbered},
    )


def _is_picture(path: Path) -> bool:
    """Whether a path says so; macOS leaves ._picture.jpg beside each file that it copies to a foreign disk."""
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)
