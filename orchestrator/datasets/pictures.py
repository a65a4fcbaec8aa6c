"""Decodes picture files: the only place of the farm that does. Boards get levels, never files."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from orchestrator.errors import SpecError

Levels = npt.NDArray[np.uint8]
SUFFIXES: Final = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
_UNDECODABLE: Final = (
    OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, MemoryError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
_WIDE: Final = ("I", "F")


def decode_picture(path: Path) -> Levels:
    """A picture's levels, uint8 (rows, columns, 3) in red, green, blue; raises `SpecError` that names the file.

    A picture is taken as it is stored: what a camera notes of its orientation is not applied, since annotations are of
    the stored pixels. Of 16 bits the upper 8 are taken, transparency is left out, and of several frames the first.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:  # of notes that are not used anyway
            return _levels(image)
    except _UNDECODABLE as error:
        words = str(error) or type(error).__name__
        raise SpecError(f"{path}: cannot be decoded: {words}; mend it or take it out of the data set") from error


def _levels(image: Image.Image) -> Levels:
    if image.mode in _WIDE:
        raise ValueError("its levels have 32 bits, of which nobody knows what is black and what is white")
    if image.mode.startswith("I;16"):  # Pillow would cut every level at 255
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    return np.asarray(image.convert("RGB"), np.uint8)
