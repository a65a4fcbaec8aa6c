"""The demo model's data: handwritten digits as the network takes them, and the held-out split.

First step of the demo pipeline; needs numpy alone, so that a board or a test can score a variant without
scikit-learn. The held-out images lie beside the variants (`files/held-out.npz`): training never sees them,
and every accuracy in `files/metrics.json` is measured on all of them.

Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
Repository (1998), https://doi.org/10.24432/C50P49, licence CC BY 4.0; scikit-learn ships its 1797 test images
as `load_digits`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

INPUT_SIDE: Final = 32
SOURCE_SIDE: Final = 8
HIGHEST_SOURCE_VALUE: Final = 16
CLASSES: Final = 10
FILES: Final = Path(__file__).parent / "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """Images as the network takes them, float32 (n, 1, 32, 32) in 0..1, and labels, int64 (n,) in 0..9."""

    tensors: Floats
    labels: Labels

    def __post_init__(self) -> None:
        expected = (len(self.labels), 1, INPUT_SIDE, INPUT_SIDE)
        if self.tensors.shape != expected:
            raise ValueError(f"digits.tensors: expected shape {expected}, got {self.tensors.shape}")


def to_tensors(images: Bytes) -> Floats:
    """Images, (n, 8, 8) in 0..16, upscaled to float32 (n, 1, 32, 32) in 0..1: bilinear, centres aligned."""
    weights = _bilinear_weights()
    scaled = images.astype(np.float32) / HIGHEST_SOURCE_VALUE
    return np.asarray(weights @ scaled @ weights.T, np.float32)[:, np.newaxis]


def _bilinear_weights() -> Floats:
    """The (32, 8) matrix that stretches one axis."""
    positions = (np.arange(INPUT_SIDE) + 0.5) * SOURCE_SIDE / INPUT_SIDE - 0.5
    positions = positions.clip(0, SOURCE_SIDE - 1)
    distances = np.abs(positions[:, np.newaxis] - np.arange(SOURCE_SIDE))
    return np.asarray(np.maximum(0, 1 - distances), np.float32)


def load_held_out(folder: Path = FILES) -> Digits:
    """The 360 images that training never saw."""
    with np.load(folder / "held-out.npz", allow_pickle=False) as stored:
        return Digits(tensors=to_tensors(stored["images"]), labels=stored["labels"].astype(np.int64))
