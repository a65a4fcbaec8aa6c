"""Boxes as arrays: float64 (boxes, 4), left, top, right, bottom, in pixels."""

import numpy as np
import numpy.typing as npt

from agent.wire.task import Placement

Floats = npt.NDArray[np.float64]


def from_centres(centred: Floats) -> Floats:
    """Corners of boxes that are given by centre x, centre y, width, height."""
    half = centred[:, 2:] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)


def areas(boxes: Floats) -> Floats:
    """Areas, (boxes,); none is negative."""
    return np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)


def overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box, (4,), with each of the others, (boxes, 4); 0 where both are empty."""
    corners = np.concatenate([np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])], axis=1)
    intersection = areas(corners)
    union = areas(box[np.newaxis]) + areas(others) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def to_image(boxes: Floats, placement: Placement, width: int, height: int) -> Floats:
    """Boxes of the network's input in pixels of the image that was placed there, cut at its edges."""
    offset = np.array([placement.left, placement.top] * 2, np.float64)
    scale = np.array([placement.scale_x, placement.scale_y] * 2)
    cut: Floats = np.clip((boxes - offset) / scale, 0, np.array([width, height] * 2, np.float64))
    return cut
