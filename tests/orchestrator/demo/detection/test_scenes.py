"""Scenes: the same everywhere, and what they say is in them is in them."""

import hashlib

import numpy as np
import pytest

from orchestrator.demo.detection.scenes import (
    LARGEST,
    MOST_OBJECTS,
    SIDE,
    VALIDATION_SEED,
    Glyphs,
    Scene,
    draw_scene,
    held_out_glyphs,
)

SCENES = 40


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    return held_out_glyphs()


@pytest.fixture(scope="module")
def scenes(glyphs: Glyphs) -> list[Scene]:
    return [draw_scene(glyphs, VALIDATION_SEED, number) for number in range(SCENES)]


def test_a_scene_is_the_same_to_the_byte_on_every_machine(scenes: list[Scene]) -> None:
    digest = hashlib.sha256()
    for scene in scenes:
        digest.update(scene.levels.tobytes() + repr(scene.objects).encode())
    assert digest.hexdigest() == "a5d36ae8a4e0a1fe5890fbf868aa0d932dcf2d0b184463c80f478307d4239733"


def test_another_seed_or_number_gives_another_scene(glyphs: Glyphs, scenes: list[Scene]) -> None:
    assert not np.array_equal(scenes[0].levels, scenes[1].levels)
    assert not np.array_equal(scenes[0].levels, draw_scene(glyphs, VALIDATION_SEED + 1, 0).levels)


def test_boxes_lie_within_the_scene_and_are_as_large_as_digits(scenes: list[Scene]) -> None:
    assert max(len(scene.objects) for scene in scenes) == MOST_OBJECTS
    for scene in scenes:
        assert scene.levels.shape == (SIDE, SIDE, 3)
        for left, top, width, height in (each.box for each in scene.objects):
            assert left >= 0 and top >= 0 and left + width <= SIDE and top + height <= SIDE
            assert 1 <= width <= LARGEST * 1.2 and 6 <= height <= LARGEST


def test_every_digit_occurs_and_so_do_small_and_large_ones(scenes: list[Scene]) -> None:
    objects = [each for scene in scenes for each in scene.objects]
    assert {each.digit for each in objects} == set(range(10))
    heights = sorted(each.box[3] for each in objects)
    assert heights[len(heights) // 5] < 20 and heights[-len(heights) // 5] > 30


def test_a_box_is_tight_around_a_digit_that_stands_out() -> None:
    """A glyph that is all ink fills its box with one colour; outside of it that colour ends."""
    block = Glyphs(images=np.full((1, 8, 8), 16, np.uint8), labels=np.array([5], np.uint8))
    for number in range(20):
        scene = draw_scene(block, 1, number)
        for left, top, width, height in (each.box for each in scene.objects[-1:]):
            inside = scene.levels[top : top + height, left : left + width].astype(int)
            assert np.abs(inside - np.median(inside, axis=(0, 1))).max() <= 50, "the colour of the ink, and noise"


def test_digits_hide_each_other_hardly(scenes: list[Scene]) -> None:
    for scene in scenes:
        for number, one in enumerate(scene.objects):
            for other in scene.objects[:number]:
                covered = np.zeros((SIDE, SIDE), int)
                for left, top, width, height in (one.box, other.box):
                    covered[top : top + height, left : left + width] += 1
                smaller = min(one.box[2] * one.box[3], other.box[2] * other.box[3])
                assert (covered == 2).sum() <= 0.13 * smaller


def test_held_out_digits_are_those_of_the_classifier(glyphs: Glyphs) -> None:
    assert (glyphs.images.shape, glyphs.labels.shape, glyphs.images.max()) == ((360, 8, 8), (360,), 16)
