"""Images as a network takes them: fitted as OpenCV would, filled, scaled, laid out."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent.tasks import prepare
from agent.wire.task import ColourOrder, Fit, ImageInput, Layout

RANDOM = np.random.default_rng(1)


def picture(rows: int, columns: int) -> Any:
    return RANDOM.integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def test_an_image_of_the_right_size_is_only_scaled() -> None:
    image = picture(4, 6)
    tensor = prepare(image, ImageInput(width=6, height=4))
    assert tensor.shape == (1, 3, 4, 6)
    assert tensor.dtype == np.float32
    assert tensor.flags["C_CONTIGUOUS"]
    assert np.array_equal(tensor[0].transpose(1, 2, 0), image.astype(np.float32) / np.float32(255))


def test_mean_and_deviation_are_taken_channel_by_channel() -> None:
    image = np.full((1, 1, 3), [51, 102, 153], np.uint8)
    tensor = prepare(image, ImageInput(width=1, height=1, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 1.0)))
    assert tensor.ravel() == pytest.approx([0.2, 0.8, 0.3])


def test_channels_can_stand_last_and_the_other_way_round() -> None:
    image = picture(2, 3)
    wanted = ImageInput(width=3, height=2, layout=Layout.NHWC, colours=ColourOrder.BGR, divisor=1.0)
    assert np.array_equal(prepare(image, wanted)[0], image[..., ::-1])


def test_a_letterbox_is_filled_around_the_image() -> None:
    tensor = prepare(np.full((2, 4, 3), 200, np.uint8), ImageInput(width=4, height=4, divisor=1.0, pad=114))
    assert tensor[0, 0].tolist() == [[114] * 4, [200] * 4, [200] * 4, [114] * 4]


def test_a_grey_image_becomes_three_equal_channels() -> None:
    tensor = prepare(np.arange(4, dtype=np.uint8).reshape(2, 2), ImageInput(width=2, height=2, divisor=1.0))
    assert np.array_equal(tensor[0, 0], tensor[0, 2])


def test_enlarging_is_bilinear_between_centres() -> None:
    """By hand: [0, 100] at twice the size has its inner values a quarter of the way in."""
    line = np.array([[0, 100]], np.uint8)
    tensor = prepare(line, ImageInput(width=4, height=1, fit=Fit.RESIZE, divisor=1.0))
    assert tensor[0, 0].tolist() == [[0, 25, 75, 100]]


def test_shrinking_takes_two_neighbours_and_smooths_nothing() -> None:
    """By hand: a quarter of the size has its centres between the second and third of each four."""
    line = np.array([[0, 10, 30, 0, 255, 100, 200, 255]], np.uint8)
    tensor = prepare(line, ImageInput(width=2, height=1, fit=Fit.RESIZE, divisor=1.0))
    assert tensor[0, 0].tolist() == [[20, 150]]


@pytest.mark.parametrize("size", [(40, 60), (31, 77), (160, 90)])
def test_enlarging_agrees_with_pillow_to_a_level(size: tuple[int, int]) -> None:
    """Pillow smooths only what it shrinks."""
    image, (rows, columns) = picture(30, 50), size
    wanted = ImageInput(width=max(columns, 50), height=max(rows, 30), fit=Fit.RESIZE, divisor=1.0)
    theirs = Image.fromarray(image).resize((wanted.width, wanted.height), Image.Resampling.BILINEAR)
    ours = prepare(image, wanted)[0].transpose(1, 2, 0)
    assert np.abs(ours - np.asarray(theirs, np.float32)).max() <= 1


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), np.uint8)])
def test_what_is_no_picture_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="image: expected uint8"):
        prepare(wrong, ImageInput(width=2, height=2))
