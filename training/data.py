"""Batches of freshly drawn scenes, made of digits that validation does not have."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from orchestrator.demo.detection.scenes import MOST_OBJECTS, TRAINING_SEED, Scene, draw_scene, training_glyphs


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Scenes as the networks take them, and what is in them, filled up to the most objects that a scene can have.

    `images` float32 (batch, 3, side, side) in 0..1; `boxes` float32 (batch, 6, 4), left, top, right, bottom in pixels;
    `labels` int64 (batch, 6); `is_object` bool (batch, 6): which of them are there.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    is_object: Tensor


def draw_batches(size: int) -> Iterator[Batch]:
    """Batches without end; no scene comes twice."""
    glyphs, number = training_glyphs(), 0
    while True:
        yield to_batch([draw_scene(glyphs, TRAINING_SEED, number + each) for each in range(size)])
        number += size


def to_batch(scenes: list[Scene]) -> Batch:
    """Scenes as tensors, their pixels scaled as the task file says: by 255, nothing else."""
    levels = np.stack([scene.levels for scene in scenes]).transpose(0, 3, 1, 2)
    boxes = torch.zeros(len(scenes), MOST_OBJECTS, 4)
    labels = torch.zeros(len(scenes), MOST_OBJECTS, dtype=torch.int64)
    is_object = torch.zeros(len(scenes), MOST_OBJECTS, dtype=torch.bool)
    for row, scene in enumerate(scenes):
        for place, each in enumerate(scene.objects):
            left, top, width, height = each.box
            boxes[row, place] = torch.tensor([left, top, left + width, top + height], dtype=torch.float32)
            labels[row, place] = each.digit
            is_object[row, place] = True
    images = torch.from_numpy(np.ascontiguousarray(levels)).float() / 255
    return Batch(images=images, boxes=boxes, labels=labels, is_object=is_object)
