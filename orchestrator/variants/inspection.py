"""What an ONNX network is made of: parameters, work and memory traffic of each layer, its weights' statistics.

Nothing is run. Work is in floating-point operations, a multiplication and an addition each being one; what is no
convolution or matrix product counts one per element of its output, and nothing where it only moves data. Bytes are
those of inputs, weights and outputs, each once: the least that has to move, whatever caches do.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from orchestrator.errors import ModelError

MOVES: Final = frozenset(
    ("Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten", "Identity",
     "Cast", "Shape", "Constant", "ConstantOfShape", "Expand", "Tile", "Pad", "Dropout")
)  # fmt: skip
PRODUCTS: Final = frozenset(("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul", "MatMulInteger"))
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One node: its work and traffic, null where a shape is not known."""

    name: str
    kind: str
    shape: Shape | None
    parameters: int
    flops: int | None
    moved_bytes: int | None


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
    known = _shapes(main, model, shapes or {})
    layers = tuple(_layer(node, known, arrays) for node in model.graph.node)
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


def _shapes(main: Path, model: ModelProto, given: Mapping[str, Sequence[int]]) -> dict[str, tuple[Shape, int]]:
    """Shape and bytes an element of every tensor that shape inference reaches; a batch that is left open is 1."""
    inputs = {value.name: value for value in model.graph.input}
    for name in given:
        if name not in inputs:
            raise ModelError(f"{main}: --shape {name}: there is no such input, it has {', '.join(inputs)}")
    for name, value in inputs.items():
        dims = value.type.tensor_type.shape.dim
        sizes = list(given.get(name, ())) or [
            dim.dim_value or (1 if place == 0 else 0) for place, dim in enumerate(dims)
        ]
        if len(sizes) != len(dims):
            raise ModelError(f"{main}: --shape {name}: expected {len(dims)} sizes, got {len(sizes)}")
        for dim, size in zip(dims, sizes, strict=True):
            if size > 0:
                dim.dim_value = size
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise ModelError(f"{main}: the shapes do not fit: {error}") from error
    values = [*inferred.input, *inferred.value_info, *inferred.output]
    found = {value.name: _described(value) for value in values if value.type.tensor_type.HasField("shape")}
    for tensor in inferred.initializer:
        found[tensor.name] = (tuple(tensor.dims), _item_bytes(tensor.data_type))
    return found


def _described(value: Any) -> tuple[Shape, int]:
    tensor = value.type.tensor_type
    return tuple(dim.dim_value or None for dim in tensor.shape.dim), _item_bytes(tensor.elem_type)


def _item_bytes(elem_type: int) -> int:
    if elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        return 0
    return int(np.dtype(helper.tensor_dtype_to_np_dtype(elem_type)).itemsize)


def _layer(node: NodeProto, known: Mapping[str, tuple[Shape, int]], arrays: Mapping[str, Any]) -> Layer:
    output = known.get(node.output[0]) if node.output else None
    return Layer(
        name=node.name or (node.output[0] if node.output else node.op_type),
        kind=node.op_type,
        shape=None if output is None else output[0],
        parameters=sum(arrays[name].size for name in node.input if name in arrays),
        flops=_flops(node, known),
        moved_bytes=_moved(node, known),
    )


def _flops(node: NodeProto, known: Mapping[str, tuple[Shape, int]]) -> int | None:
    if node.op_type in MOVES:
        return 0
    produced = _elements(node.output[0], known) if node.output else None
    if produced is None:
        return None
    if node.op_type not in PRODUCTS:
        return produced
    place = 3 if node.op_type == "QLinearConv" else 1
    weights = known.get(node.input[place])
    if weights is None or any(size is None for size in weights[0]):
        return None
    return _product_flops(node, produced, [size or 0 for size in weights[0]], known)


def _product_flops(
    node: NodeProto, produced: int, weights: Sequence[int], known: Mapping[str, tuple[Shape, int]]
) -> int | None:
    """Two operations for each multiplication with a weight; a bias adds one per element."""
    bias = produced if node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(node.input) > 2 else 0
    if node.op_type == "ConvTranspose":
        consumed = _elements(node.input[0], known)
        return None if consumed is None else 2 * consumed * math.prod(weights[1:]) + bias
    if "Conv" in node.op_type:
        return 2 * produced * math.prod(weights[1:]) + bias
    is_transposed = any(each.name == "transB" and each.i for each in node.attribute)
    inner = weights[-1] if is_transposed or len(weights) == 1 else weights[-2]
    return 2 * produced * inner + bias


def _moved(node: NodeProto, known: Mapping[str, tuple[Shape, int]]) -> int | None:
    total = 0
    for name in filter(None, [*node.input, *node.output]):
        count = _elements(name, known)
        if count is None:
            return None
        total += count * known[name][1]
    return total


def _elements(name: str, known: Mapping[str, tuple[Shape, int]]) -> int | None:
    shape = known.get(name)
    if shape is None or any(size is None for size in shape[0]):
        return None
    return math.prod(size or 0 for size in shape[0])


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
