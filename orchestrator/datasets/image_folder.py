"""Reads a folder of pictures for classification: a folder for each class, with its pictures in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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

    def labels(self, network_classes: Sequence[str]) -> dict[int, int]:
        """The place of each picture's class among a network's; raises `SpecError` for a class that it does not have."""
        places = {name: place for place, name in enumerate(network_classes)}
        unknown = sorted(set(self.classes.values()) - set(places))
        if unknown:
            raise SpecError(f"task.classes: the data set has a class {unknown[0]!r} that the network does not have")
        return {image_id: places[name] for image_id, name in self.classes.items()}


def read_image_folder(folder: Path) -> ImageFolder:
    """The data set in a folder; other files than pictures are passed over. Raises `SpecError` where there is none."""
    try:
        found = [
            (each.name, path)
            for each in sorted(folder.iterdir())
            if each.is_dir()
            for path in sorted(each.iterdir())
            if path.is_file() and path.suffix.lower() in SUFFIXES
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
