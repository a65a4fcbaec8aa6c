"""Small networks for the recipes: seeded, with the shapes of real ones."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

SIZE = 16


class Builder:
    """Puts a network together, node by node. Lifecycle: `save` ends it."""

    def __init__(self, seed: int = 5) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._rng = np.random.default_rng(seed)

    def weight(self, name: str, *shape: int) -> str:
        values = self._rng.standard_normal(shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, name: str, source: str, inputs: int, filters: int, *, group: int = 1) -> str:
        names = [source, self.weight(f"{name}.w", filters, inputs // group, 3, 3), self.weight(f"{name}.b", filters)]
        return self.add("Conv", names, name, pads=[1, 1, 1, 1], group=group)

    def norm(self, name: str, source: str, channels: int) -> str:
        names = [self.weight(f"{name}.{part}", channels) for part in ("scale", "shift", "mean")]
        variance = np.abs(self._rng.standard_normal(channels)).astype(np.float32) + 0.5
        self.weights.append(numpy_helper.from_array(variance, f"{name}.variance"))
        return self.add("BatchNormalization", [source, *names, f"{name}.variance"], name)

    def add(self, kind: str, sources: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, sources, [name], name=name, **attributes))
        return name

    def graph(self, output: str, channels: int) -> GraphProto:
        value = helper.make_tensor_value_info
        ends = [value(output, TensorProto.FLOAT, (1, channels, SIZE, SIZE))]
        return helper.make_graph(
            self.nodes, "g", [value("x", TensorProto.FLOAT, (1, 3, SIZE, SIZE))], ends, self.weights
        )

    def save(self, path: Path, output: str, channels: int) -> Path:
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(self.graph(output, channels), opset_imports=opset, ir_version=8), path)
        return path


def chain(path: Path) -> Path:
    """Conv, norm, SiLU, conv, ReLU, conv: what a backbone is made of."""
    net = Builder()
    first = net.norm("n1", net.conv("c1", "x", 3, 16), 16)
    silu = net.add("Mul", [first, net.add("Sigmoid", [first], "s1")], "m1")
    second = net.add("Relu", [net.conv("c2", silu, 16, 32)], "r2")
    return net.save(path, net.conv("c3", second, 32, 8), 8)


def joined(path: Path) -> Path:
    """A sum of two branches: no filter before it can go alone."""
    net = Builder()
    left, right = net.conv("c1", "x", 3, 8), net.conv("c2", "x", 3, 8)
    return net.save(path, net.conv("c3", net.add("Add", [left, right], "sum"), 8, 4), 4)


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """The weights of a file by their names."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
