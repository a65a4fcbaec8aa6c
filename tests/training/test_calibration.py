"""What training may see, and examples for static int8. No PyTorch is needed for them."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.demo.detection.scenes import draw_scene, held_out_glyphs
from training.calibration import FIRST_SCENE, write_examples
from training.glyphs import TRAINING_SEED, training_glyphs

pytestmark = pytest.mark.integration


def test_training_digits_are_not_those_of_validation() -> None:
    training, held_out = training_glyphs(), held_out_glyphs()
    assert len(training.labels) + len(held_out.labels) == 1797
    known = {image.tobytes() for image in training.images}
    assert not [image for image in held_out.images if image.tobytes() in known]


def test_examples_are_scenes_of_training_digits_as_the_network_takes_them(tmp_path: Path) -> None:
    write_examples(tmp_path / "x.npz", count=2)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        images = arrays["images"]
    scene = draw_scene(training_glyphs(), TRAINING_SEED, FIRST_SCENE + 1)
    assert (images.shape, images.dtype) == ((2, 3, 128, 128), np.dtype(np.float32))
    assert np.array_equal(np.rint(images[1] * 255).transpose(1, 2, 0), scene.levels)
