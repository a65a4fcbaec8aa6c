"""Decodes picture files: the only place of the farm that does. Boards get levels, never files."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from orchestrator.errors import SpecError

Levels = npt.NDArray[np.uint8]
SUFFIXES: Final = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))


def decode_picture(path: Path) -> Levels:
    """A picture's levels, uint8 (rows, columns, 3) in red, green, blue; raises `SpecError` that names the file.

    A picture is taken as it is stored: what a camera notes of its orientation is not applied, since annotations are of
    the stored pixels.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SpecError(f"{path}: cannot be decoded: {error}; mend it or take it out of the data set") from error
