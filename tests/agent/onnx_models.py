"""Tiny ONNX models for tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Size = int | str


def save_affine(path: Path, *, width: int = 32, layers: int = 1, shape: Sequence[Size] | None = None) -> Path:
    """``layers`` times a matrix and a ReLU; the input is float32 (batch, width), or `shape`."""
    weights = np.random.default_rng(0).standard_normal((width, width)).astype(np.float32) / width**0.5
    nodes, previous = [], "input"
    for layer in range(layers):
        nodes.append(helper.make_node("MatMul", [previous, "weight"], [f"product{layer}"]))
        previous = f"output{layer}"
        nodes.append(helper.make_node("Relu", [f"product{layer}"], [previous]))
    declared: list[Size | None] = list(shape) if shape is not None else ["batch", width]
    graph = helper.make_graph(
        nodes,
        "affine",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, declared)],
        [helper.make_tensor_value_info(previous, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "weight")],
    )
    return _save(path, graph)


def save_identity(path: Path, element: int, shape: Sequence[Size], name: str = "input") -> Path:
    """A model that gives back its one input."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], ["output"])],
        "identity",
        [helper.make_tensor_value_info(name, element, list(shape))],
        [helper.make_tensor_value_info("output", element, list(shape))],
    )
    return _save(path, graph)


def save_lookup(path: Path, *, rows: int) -> Path:
    """A table of so few rows that an index out of range makes the inference fail."""
    table = numpy_helper.from_array(np.zeros((rows, 2), np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "index"], ["output"], axis=0)],
        "lookup",
        [helper.make_tensor_value_info("index", TensorProto.INT64, [64])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [64, 2])],
        [table],
    )
    return _save(path, graph)


def _save(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)
    return path
