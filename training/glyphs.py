"""The digits that training may see: all but the held-out ones. Needs scikit-learn, not PyTorch."""

from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from orchestrator.demo.detection.scenes import Glyphs
from orchestrator.demo.digits import FILES

TRAINING_SEED: Final = 8


def training_glyphs() -> Glyphs:
    """1437 digits."""
    digits = load_digits()
    with np.load(FILES / "held-out.npz", allow_pickle=False) as stored:
        kept = np.setdiff1d(np.arange(len(digits.target)), stored["indices"])
    return Glyphs(images=digits.images[kept].astype(np.uint8), labels=digits.target[kept].astype(np.uint8))
