"""Scenes with handwritten digits to find, drawn from a seed; the same on every machine.

All drawing is in integers, so that no processor and no BLAS moves a pixel. Held-out digits make the scenes for
validation, other digits those for training: no image of a digit is in both. The digits are those of
`orchestrator.demo.digits`, which names their source and licence.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from orchestrator.demo.digits import FILES as DIGIT_FILES
from orchestrator.demo.digits import HIGHEST_SOURCE_VALUE, SOURCE_SIDE, Bytes

SIDE: Final = 128
MOST_OBJECTS: Final = 6
SMALLEST, LARGEST = 14, 58  # sides of a digit before its margins are cut off
MOST_SHARED: Final = 12  # percent of the smaller box that two boxes may share
TRIES: Final = 20
LEAST_CONTRAST: Final = 70
VALIDATION_SEED: Final = 7
VALIDATION_SCENES: Final = 500
TRAINING_SEED: Final = 8
Integers = npt.NDArray[np.int64]
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glyphs:
    """Images of digits, uint8 (n, 8, 8) in 0..16, and which digits they are, (n,) in 0..9."""

    images: Bytes
    labels: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """A digit in a scene, and the box around its ink: left, top, width, height in pixels."""

    digit: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A picture, uint8 (128, 128, 3), and the digits in it."""

    levels: Bytes
    objects: tuple[SceneObject, ...]


def held_out_glyphs() -> Glyphs:
    """The 360 digits that no training has seen."""
    return _read_glyphs("held-out.npz")


def training_glyphs() -> Glyphs:
    """The other 1437, for training and for calibration."""
    return _read_glyphs("training.npz")


def _read_glyphs(name: str) -> Glyphs:
    with np.load(DIGIT_FILES / name, allow_pickle=False) as stored:
        return Glyphs(images=stored["images"], labels=stored["labels"])


def draw_scene(glyphs: Glyphs, seed: int, number: int) -> Scene:
    """Scene `number` of the series `seed`: a background, clutter, and 1 to 6 digits that hardly overlap."""
    random = np.random.Generator(np.random.PCG64([seed, number]))
    canvas = _background(random)
    _clutter(canvas, random)
    objects: list[SceneObject] = []
    for _ in range(_draw(random, 1, MOST_OBJECTS + 1)):
        which = _draw(random, 0, len(glyphs.labels))
        placed = _place(canvas, _ink(glyphs.images[which], random), [each.box for each in objects], random)
        if placed is not None:
            objects.append(SceneObject(digit=int(glyphs.labels[which]), box=placed))
    noise = _draw(random, 4, 25)
    canvas += random.integers(-noise, noise + 1, canvas.shape)
    return Scene(levels=canvas.clip(0, 255).astype(np.uint8), objects=tuple(objects))


def _draw(random: Random, low: int, high: int) -> int:
    return int(random.integers(low, high))


def _background(random: Random) -> Integers:
    """A gradient between two colours, from left to right or from top to bottom."""
    first, second = random.integers(0, 256, 3), random.integers(0, 256, 3)
    ramp = np.arange(SIDE)[:, np.newaxis]
    line = (first * (SIDE - 1 - ramp) + second * ramp) // (SIDE - 1)
    canvas = np.repeat(line[np.newaxis], SIDE, axis=0)
    return np.ascontiguousarray(canvas.transpose(1, 0, 2) if _draw(random, 0, 2) else canvas)


def _clutter(canvas: Integers, random: Random) -> None:
    """Bars of any colour, upright or lying, as thick as strokes of digits."""
    for _ in range(_draw(random, 2, 9)):
        thickness, length = _draw(random, 1, 5), _draw(random, 6, 40)
        rows, columns = (thickness, length) if _draw(random, 0, 2) else (length, thickness)
        top, left = _draw(random, 0, SIDE - rows + 1), _draw(random, 0, SIDE - columns + 1)
        canvas[top : top + rows, left : left + columns] = random.integers(0, 256, 3)


def _ink(glyph: Bytes, random: Random) -> Integers:
    """A digit's opacity, 0..255, at a drawn size (small ones are more frequent), its empty margins cut off."""
    drawn = _draw(random, 0, 1000)
    height = SMALLEST + (LARGEST - SMALLEST) * drawn * drawn // 10**6
    width = height * _draw(random, 80, 121) // 100
    grey = _stretch(height) @ glyph.astype(np.int64) @ _stretch(width).T
    opacity = grey * 255 // (HIGHEST_SOURCE_VALUE * 256 * 256)
    sharp = ((opacity - 64) * 2).clip(0, 255)
    rows, columns = (np.nonzero((sharp >= 128).any(axis=axis))[0] for axis in (1, 0))
    return sharp[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _stretch(size: int) -> Integers:
    """The (size, 8) matrix that stretches one axis between centres of pixels, in 256ths."""
    positions = ((2 * np.arange(size) + 1) * SOURCE_SIDE * 128 // size - 128).clip(0, (SOURCE_SIDE - 1) * 256)
    weights: Integers = np.maximum(0, 256 - np.abs(positions[:, np.newaxis] - np.arange(SOURCE_SIDE) * 256))
    return weights


def _place(
    canvas: Integers, ink: Integers, taken: list[tuple[int, int, int, int]], random: Random
) -> tuple[int, int, int, int] | None:
    """Draws a digit where there is room, in a colour that stands out; its box, None where there is no room."""
    height, width = ink.shape
    for _ in range(TRIES):
        left, top = _draw(random, 0, SIDE - width + 1), _draw(random, 0, SIDE - height + 1)
        box = (left, top, width, height)
        if any(_share(box, other) > MOST_SHARED for other in taken):
            continue
        part = canvas[top : top + height, left : left + width]
        opacity = ink[..., np.newaxis]
        part[:] = (part * (255 - opacity) + _colour(part, random) * opacity) // 255
        return box
    return None


def _share(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> int:
    """What two boxes have in common, in percent of the smaller one."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0) * 100 // min(one[2] * one[3], other[2] * other[3])


def _colour(behind: Integers, random: Random) -> Integers:
    """A colour that differs enough from the mean of what is behind it; black or white where none is found."""
    mean = behind.sum(axis=(0, 1)) // (behind.shape[0] * behind.shape[1])
    for _ in range(TRIES):
        colour: Integers = random.integers(0, 256, 3)
        if int(np.abs(colour - mean).sum()) >= 3 * LEAST_CONTRAST:
            return colour
    return np.full(3, 0 if int(mean.sum()) > 3 * 127 else 255)
