"""A network of the size of a large YOLO, its weights drawn at random: 25 million parameters, 100 MB, 640 x 640 pixels.

The network is said once, over whatever does its operators: `OnnxOperators` writes them down, `benchmarks.large_torch`
computes them. It finds nothing: only its size, shapes and operators are those of a detector.
"""

from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 640
CLASSES = 80
ROWS = CLASSES + 4
BOXES = (SIZE // 8) ** 2 + (SIZE // 16) ** 2 + (SIZE // 32) ** 2
SEED = 20
OPSET = 17
STEM, WIDTHS, DEPTHS = 32, (64, 128, 256, 512), (1, 3, 7, 3)
T = TypeVar("T")


class Operators(Protocol[T]):
    """What the network is made of; a T stands for a tensor."""

    def conv(self, name: str, source: T, channels: int, filters: int, kernel: int, stride: int = 1) -> T:
        """A convolution with padding, so that only its stride makes the picture smaller."""

    def silu(self, name: str, source: T) -> T:
        """x sigmoid(x)."""

    def add(self, name: str, left: T, right: T) -> T:
        """A sum of two of the same shape."""

    def gather(self, levels: list[T]) -> T:
        """The boxes of all levels beside each other, (1, rows, boxes)."""


def network(make: Operators[T], image: T) -> T:
    """The answer to an image, float32 (1, 3, 640, 640): (1, 84, 8400)."""
    now, channels, levels = make.silu("stem.act", make.conv("stem", image, 3, STEM, 3, 2)), STEM, []
    for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
        now = make.silu(f"down{stage}.act", make.conv(f"down{stage}", now, channels, width, 3, 2))
        for block in range(depth):
            now = _residual(make, f"stage{stage}.{block}", now, width)
        channels = width
        if stage > 0:
            levels.append(make.conv(f"head{stage}", now, width, ROWS, 1))
    return make.gather(levels)


def _residual(make: Operators[T], name: str, source: T, width: int) -> T:
    first = make.silu(f"{name}.act", make.conv(f"{name}.a", source, width, width, 3))
    return make.add(f"{name}.sum", source, make.conv(f"{name}.b", first, width, width, 3))


class OnnxOperators:
    """Writes nodes down and draws their weights. Lifecycle: `network` fills it, then `save` once."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Any] = {}

    def conv(self, name: str, source: str, channels: int, filters: int, kernel: int, stride: int = 1) -> str:
        spread = (0.5 / (channels * kernel * kernel)) ** 0.5  # small enough that sums of blocks stay near 1
        self.weights[f"{name}.weight"] = spread * self._rng.standard_normal(
            (filters, channels, kernel, kernel), dtype=np.float32
        )
        self.weights[f"{name}.bias"] = 0.1 * self._rng.standard_normal(filters, dtype=np.float32)
        names = [source, f"{name}.weight", f"{name}.bias"]
        return self._add("Conv", name, names, pads=[kernel // 2] * 4, strides=[stride, stride])

    def silu(self, name: str, source: str) -> str:
        return self._add("Mul", name, [source, self._add("Sigmoid", f"{name}.gate", [source])])

    def add(self, name: str, left: str, right: str) -> str:
        return self._add("Add", name, [left, right])

    def gather(self, levels: list[str]) -> str:
        self.weights["rows"] = np.array([1, ROWS, -1], np.int64)
        flat = [self._add("Reshape", f"{level}.flat", [level, "rows"]) for level in levels]
        return self._add("Concat", "output", flat, axis=2)

    def save(self, path: Path, output: str) -> None:
        """Write the .onnx file, all in one."""
        graph = helper.make_graph(
            self._nodes,
            "large",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, SIZE, SIZE))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, (1, ROWS, BOXES))],
            [numpy_helper.from_array(array, name) for name, array in self.weights.items()],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8), path)

    def _add(self, kind: str, name: str, sources: list[str], **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, sources, [name], name=name, **attributes))
        return name


def save_large_onnx(path: Path) -> dict[str, Any]:
    """Write the network; its weights by name."""
    make = OnnxOperators(SEED)
    make.save(path, network(make, "image"))
    return make.weights


def save_examples(path: Path, count: int) -> None:
    """Write a calibration set: noise, for nobody looks at what the network finds."""
    shape = (count, 3, SIZE, SIZE)
    np.savez(path, image=np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32))
