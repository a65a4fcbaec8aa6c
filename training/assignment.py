"""Which cells answer for which object: those that already score and place it best.

Source: Feng et al., *TOOD: Task-aligned One-stage Object Detection* (2021): of the cells within an object, the ten with
the highest score^0.5 x overlap^6 learn it, each to the degree to which it is the best of them.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

MOST_CELLS: Final = 10
SCORE_POWER: Final = 0.5
OVERLAP_POWER: Final = 6.0
LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What each cell is to answer: `boxes` (batch, cells, 4), `scores` (batch, cells, classes), 0 but for its object's.

    `is_taken` (batch, cells) says which cells answer for an object at all.
    """

    boxes: Tensor
    scores: Tensor
    is_taken: Tensor


def assign(
    scores: Tensor, boxes: Tensor, cells: tuple[Tensor, Tensor], truth: tuple[Tensor, Tensor, Tensor]
) -> Assigned:
    """Assigns cells by what they predict: scores (batch, cells, classes) in 0..1, boxes (batch, cells, 4).

    `cells`: centres (cells, 2) and strides (cells,); `truth`: boxes (batch, objects, 4), labels and whether each of
    them is there (batch, objects).
    """
    true_boxes, labels, is_object = truth
    within = _within(true_boxes, *cells) & is_object[..., None]
    overlap = overlaps(true_boxes[:, :, None], boxes[:, None]).clamp(min=0) * within
    of_class = scores.transpose(1, 2).gather(1, labels[..., None].expand(-1, -1, scores.shape[1]))
    fitness = of_class**SCORE_POWER * overlap**OVERLAP_POWER * within
    chosen = (
        torch.zeros_like(within).scatter(2, fitness.topk(min(MOST_CELLS, fitness.shape[2]), dim=2).indices, True)
        & within
    )
    best_object = (overlap + LEAST).mul(chosen).argmax(1)
    chosen &= torch.zeros_like(chosen).scatter(1, best_object[:, None], True)
    is_taken = chosen.any(1)
    fitness, overlap = fitness * chosen, overlap * chosen
    degree = fitness / (fitness.amax(2, keepdim=True) + LEAST) * overlap.amax(2, keepdim=True)
    owner = chosen.int().argmax(1)
    targets = torch.nn.functional.one_hot(labels.gather(1, owner), scores.shape[2]) * degree.amax(1)[..., None]
    return Assigned(
        boxes=true_boxes.gather(1, owner[..., None].expand(-1, -1, 4)),
        scores=targets * is_taken[..., None],
        is_taken=is_taken,
    )


def _within(boxes: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Which centres lie in which box, (batch, objects, cells); a box thinner than a stride is taken to be one thick."""
    middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    reach = torch.maximum(size[:, :, None], strides[:, None]) / 2
    return ((centres - middle[:, :, None]).abs() <= reach).all(-1)


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Generalised intersection over union of boxes (..., 4), in -1..1: below 0 the further they are apart.

    Source: Rezatofighi et al., *Generalized Intersection over Union* (2019).
    """
    common = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    hull = (torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])).clamp(min=0)
    intersection, around = common.prod(-1), hull.prod(-1) + LEAST
    areas = [(each[..., 2:] - each[..., :2]).clamp(min=0).prod(-1) for each in (one, other)]
    union = areas[0] + areas[1] - intersection + LEAST
    return intersection / union - (around - union) / around
