"""Images made into what a network takes, as its task file declares: fitted, scaled, laid out. Needs numpy alone.

What a board is given are arrays of levels, decoded elsewhere, so that it needs no image library. Resizing is bilinear
between pixel centres without smoothing, rounded to whole levels: what OpenCV's INTER_LINEAR does, and with it the
training and validation of the YOLO families.
"""

from typing import Any

import numpy as np

from agent.wire.task import ColourOrder, Fit, ImageInput, Layout, place

Levels = np.ndarray[Any, np.dtype[np.uint8]]
Tensor = np.ndarray[Any, np.dtype[np.float32]]


def prepare(image: Levels, wanted: ImageInput) -> Tensor:
    """The network's input, float32 (1, 3, height, width) or (1, height, width, 3).

    `image`: levels, uint8 (rows, columns, 3) in red, green, blue, or (rows, columns) in grey. Raises `ValueError` for
    anything else.
    """
    is_grey, is_colour = image.ndim == 2, image.ndim == 3 and image.shape[-1] == 3
    if image.dtype != np.uint8 or not (is_grey or is_colour) or image.size == 0:
        raise ValueError(f"image: expected uint8 (rows, columns[, 3]), got {image.dtype} {list(image.shape)}")
    coloured = np.repeat(image[..., np.newaxis], 3, axis=2) if is_grey else image
    fitted = _fit(coloured, wanted).astype(np.float32)
    ordered = fitted[..., ::-1] if wanted.colours is ColourOrder.BGR else fitted
    mean, std = np.asarray(wanted.mean, np.float32), np.asarray(wanted.std, np.float32)
    scaled = (ordered / np.float32(wanted.divisor) - mean) / std
    laid_out = scaled.transpose(2, 0, 1) if wanted.layout is Layout.NCHW else scaled
    return np.ascontiguousarray(laid_out[np.newaxis])


def _fit(image: Levels, wanted: ImageInput) -> Levels:
    rows, columns = image.shape[:2]
    placement = place(columns, rows, wanted)
    resized = _resize(image, placement.height, placement.width)
    if wanted.fit is Fit.RESIZE:
        return resized
    canvas = np.full((wanted.height, wanted.width, 3), wanted.pad, np.uint8)
    canvas[placement.top : placement.top + placement.height, placement.left : placement.left + placement.width] = (
        resized
    )
    return canvas


def _resize(image: Levels, height: int, width: int) -> Levels:
    if image.shape[:2] == (height, width):
        return image
    stretched = _stretch(_stretch(image.astype(np.float32), height, axis=0), width, axis=1)
    return np.rint(stretched).astype(np.uint8)


def _stretch(values: Tensor, size: int, axis: int) -> Tensor:
    """One axis at `size` places: in proportion between the two nearest centres; the outermost levels go on."""
    old = values.shape[axis]
    positions = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    before = np.floor(positions).astype(np.intp)
    after = np.minimum(before + 1, old - 1)
    shape = [1] * values.ndim
    shape[axis] = size
    share = (positions - before).astype(np.float32).reshape(shape)
    mixed: Tensor = values.take(before, axis) * (1 - share) + values.take(after, axis) * share
    return mixed
