"""What training may see, and examples for static int8."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.demo.detection.calibration import FIRST_SCENE, write_examples
from orchestrator.demo.detection.scenes import TRAINING_SEED, draw_scene, held_out_glyphs, training_glyphs

pytestmark = pytest.mark.integration


def test_the_digits_of_training_and_of_validation_are_all_that_there_are_and_none_is_in_both() -> None:
    training, held_out = training_glyphs(), held_out_glyphs()
    known = {image.tobytes() for image in training.images}
    assert not [image for image in held_out.images if image.tobytes() in known]
    every = np.concatenate([training.images, held_out.images])
    assert sorted(image.tobytes() for image in every) == sorted(
        image.tobytes() for image in pytest.importorskip("sklearn.datasets").load_digits().images.astype(np.uint8)
    )


def test_examples_are_scenes_of_training_digits_as_the_network_takes_them(tmp_path: Path) -> None:
    write_examples(tmp_path / "x.npz", count=2)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        images = arrays["images"]
    scene = draw_scene(training_glyphs(), TRAINING_SEED, FIRST_SCENE + 1)
    assert (images.shape, images.dtype) == ((2, 3, 128, 128), np.dtype(np.float32))
    assert np.array_equal(np.rint(images[1] * 255).transpose(1, 2, 0), scene.levels)
