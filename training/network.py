"""An anchor-free detector in the manner of YOLOv8, small: two levels, a head apart for boxes and for classes.

A level's cell predicts the distances from its centre to the four sides of a box, in strides, and a score for each
class. No distribution is learnt for the distances, and non-maximum suppression stays outside.

Sources: Jocher et al., *Ultralytics YOLOv8* (2023), for C2f and the decoupled head; He et al., *Spatial Pyramid
Pooling* (2014), in YOLOv5's sequential form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from orchestrator.demo.detection.scenes import SIDE
from orchestrator.demo.digits import CLASSES

STRIDES: Final = (8, 16)
SIDES: Final = 4
RARE: Final = 0.01  # what a class's score is before anything is learnt
FIRST_DISTANCE: Final = 1.5  # strides from a centre to a side before anything is learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Channels of the stem, of the stages that halve the picture, of the head; blocks in each stage."""

    stem: int
    stages: tuple[int, int, int]
    depths: tuple[int, int, int]
    head: int


PLANS: Final[Mapping[str, Plan]] = {
    "big": Plan(stem=16, stages=(32, 64, 96), depths=(1, 2, 1), head=32),
    "slim": Plan(stem=8, stages=(16, 32, 48), depths=(1, 1, 1), head=24),
}


class Convolution(nn.Module):
    """A convolution without bias, batch normalisation, SiLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(channels_out, eps=1e-3, momentum=0.03)

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.silu(self.norm(self.conv(values)))

    def fuse(self) -> None:
        """Take the normalisation into the convolution; for evaluation only."""
        self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


class Block(nn.Module):
    """C2f: half of the channels go on as they are, half through `depth` residual pairs, and all are joined."""

    def __init__(self, channels_in: int, channels_out: int, depth: int, *, is_residual: bool = True) -> None:
        super().__init__()
        self.half, self.is_residual = channels_out // 2, is_residual
        self.enter = Convolution(channels_in, channels_out, 1)
        self.pairs = nn.ModuleList(
            nn.Sequential(Convolution(self.half, self.half), Convolution(self.half, self.half)) for _ in range(depth)
        )
        self.leave = Convolution((2 + depth) * self.half, channels_out, 1)

    def forward(self, values: Tensor) -> Tensor:
        parts = list(self.enter(values).split((self.half, self.half), 1))
        for pair in self.pairs:
            parts.append(parts[-1] + pair(parts[-1]) if self.is_residual else pair(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Pooling(nn.Module):
    """SPPF: what lies around, up to 13 cells wide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = Convolution(channels, channels // 2, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.leave = Convolution(2 * channels, channels, 1)

    def forward(self, values: Tensor) -> Tensor:
        parts = [self.enter(values)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Detector(nn.Module):
    """The network. Images float32 (batch, 3, 128, 128) in 0..1 -> (batch, 4 + classes, 320) in the manner of YOLOv8.

    In training the output is raw: distances in strides and logits. In evaluation it is centre x, centre y, width and
    height in pixels, and scores in 0..1. 320 = 16 x 16 cells of 8 pixels and 8 x 8 of 16.
    """

    centres: Tensor
    strides: Tensor

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        first, second, third = plan.stages
        self.stem = Convolution(3, plan.stem, stride=2)
        self.early = self._stage(plan.stem, first, plan.depths[0])
        self.fine = self._stage(first, second, plan.depths[1])
        self.coarse = nn.Sequential(*self._stage(second, third, plan.depths[2]), Pooling(third))
        self.grow = nn.Upsample(scale_factor=2, mode="nearest")
        self.join_fine = Block(second + third, second, 1, is_residual=False)
        self.shrink = Convolution(second, second, stride=2)
        self.join_coarse = Block(second + third, third, 1, is_residual=False)
        self.box_heads = nn.ModuleList(self._head(width, plan.head, SIDES) for width in (second, third))
        self.class_heads = nn.ModuleList(self._head(width, plan.head, CLASSES) for width in (second, third))
        self._start_heads()
        centres, strides = _cells()
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("strides", strides, persistent=False)

    @staticmethod
    def _stage(channels_in: int, channels_out: int, depth: int) -> nn.Sequential:
        return nn.Sequential(Convolution(channels_in, channels_out, stride=2), Block(channels_out, channels_out, depth))

    @staticmethod
    def _head(channels_in: int, channels: int, channels_out: int) -> nn.Sequential:
        inner = (Convolution(channels_in, channels), Convolution(channels, channels))
        return nn.Sequential(*inner, nn.Conv2d(channels, channels_out, 1))

    def _start_heads(self) -> None:
        rare = float(torch.logit(torch.tensor(RARE)))
        for heads, start in ((self.box_heads, FIRST_DISTANCE), (self.class_heads, rare)):
            for head in heads:
                last = list(head.children())[-1]
                assert isinstance(last, nn.Conv2d) and last.bias is not None
                nn.init.constant_(last.bias, start)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(self.early(self.stem(images)))
        coarse = self.coarse(fine)
        fine = self.join_fine(torch.cat((self.grow(coarse), fine), 1))
        coarse = self.join_coarse(torch.cat((self.shrink(fine), coarse), 1))
        levels = (fine, coarse)
        distances = torch.cat([head(level).flatten(2) for head, level in zip(self.box_heads, levels, strict=True)], 2)
        logits = torch.cat([head(level).flatten(2) for head, level in zip(self.class_heads, levels, strict=True)], 2)
        if self.training:
            return torch.cat((distances, logits), 1)
        corners = self.corners(distances)
        near, far = corners[:, :2], corners[:, 2:]
        return torch.cat(((near + far) / 2, far - near, logits.sigmoid()), 1)

    def corners(self, distances: Tensor) -> Tensor:
        """Left, top, right, bottom in pixels, (batch, 4, cells), from distances in strides."""
        pixels = distances * self.strides
        return torch.cat((self.centres - pixels[:, :2], self.centres + pixels[:, 2:]), 1)


def fused(network: Detector) -> Detector:
    """The same network for evaluation, with each normalisation inside of its convolution; changes what it is given."""
    network.eval()
    for module in network.modules():
        if isinstance(module, Convolution):
            module.fuse()
    return network


def _cells() -> tuple[Tensor, Tensor]:
    """Centres (2, cells) and strides (cells,) in pixels, level by level, row by row."""
    centres, strides = [], []
    for stride in STRIDES:
        places = (torch.arange(SIDE // stride, dtype=torch.float32) + 0.5) * stride
        rows, columns = torch.meshgrid(places, places, indexing="ij")
        centres.append(torch.stack((columns.flatten(), rows.flatten())))
        strides.append(torch.full((rows.numel(),), float(stride)))
    return torch.cat(centres, 1), torch.cat(strides)
