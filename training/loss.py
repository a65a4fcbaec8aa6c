"""How wrong a batch of raw outputs is: boxes by their overlap, classes by cross-entropy, both by the assignment."""

from typing import Final

import torch
from torch import Tensor

from training.assignment import assign, overlaps
from training.data import Batch
from training.network import SIDES, Detector

BOX_WEIGHT: Final = 5.0


def loss_of(network: Detector, raw: Tensor, batch: Batch) -> Tensor:
    """The loss, a scalar, of `raw` (batch, 4 + classes, cells) as `network` gives it in training."""
    logits = raw[:, SIDES:].transpose(1, 2).float()
    boxes = network.corners(raw[:, :SIDES].float()).transpose(1, 2)
    cells = (network.centres.T, network.strides)
    with torch.no_grad():
        wanted = assign(logits.sigmoid(), boxes, cells, (batch.boxes, batch.labels, batch.is_object))
    total = wanted.scores.sum().clamp(min=1)
    classes = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted.scores, reduction="sum") / total
    weights = wanted.scores.sum(-1)[wanted.is_taken]
    misses = 1 - overlaps(boxes[wanted.is_taken], wanted.boxes[wanted.is_taken])
    return classes + BOX_WEIGHT * (misses * weights).sum() / total
