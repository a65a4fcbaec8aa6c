"""What an ONNX network is made of: its layers, as `layers` counts them, and its weights' statistics. Nothing is run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from orchestrator.variants.layers import Layer, Shape, known_tensors, layers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightStatistics:
    """One tensor of weights. `sparsity` is the share of exact zeros; quantised ones are as they are stored."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sparsity: float
    mean: float
    deviation: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A network; sums are over the layers whose shapes are known, `unknown` says how many are not."""

    opset: Mapping[str, int]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    operators: Mapping[str, int]
    layers: tuple[Layer, ...]
    weights: tuple[WeightStatistics, ...]
    parameters: int
    weight_bytes: int
    sparsity: float
    flops: int
    moved_bytes: int
    unknown: int


def inspect(main: Path, shapes: Mapping[str, Sequence[int]] | None = None) -> Inspection:
    """Describe an .onnx file; `shapes` settle inputs that the network leaves open.

    Raises `ModelError` for shapes that do not fit.
    """
    model = onnx.load(main)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    known = known_tensors(main, model, shapes or {})
    layers = layers_of(model, known)
    weights = tuple(_statistics(name, array) for name, array in arrays.items() if array.ndim > 0 and array.size)
    elements = sum(array.size for array in arrays.values())
    zeros = sum(int(np.count_nonzero(array == 0)) for array in arrays.values())
    return Inspection(
        opset={each.domain or "ai.onnx": each.version for each in model.opset_import},
        inputs={v.name: known[v.name][0] for v in model.graph.input if v.name not in arrays and v.name in known},
        outputs={v.name: known[v.name][0] for v in model.graph.output if v.name in known},
        operators=dict(Counter(node.op_type for node in model.graph.node).most_common()),
        layers=layers,
        weights=weights,
        parameters=elements,
        weight_bytes=sum(array.nbytes for array in arrays.values()),
        sparsity=zeros / elements if elements else 0.0,
        flops=sum(layer.flops or 0 for layer in layers),
        moved_bytes=sum(layer.moved_bytes or 0 for layer in layers),
        unknown=sum(layer.flops is None for layer in layers),
    )


def _statistics(name: str, array: Any) -> WeightStatistics:
    values = array.astype(np.float64)
    return WeightStatistics(
        name=name,
        dtype=str(array.dtype),
        shape=tuple(array.shape),
        sparsity=float(np.mean(array == 0)),
        mean=float(values.mean()),
        deviation=float(values.std()),
        least=float(values.min()),
        greatest=float(values.max()),
    )
