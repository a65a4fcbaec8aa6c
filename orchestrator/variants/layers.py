"""The layers of an ONNX graph: shape, parameters, work and traffic of each node, as far as shapes can be inferred.

Work is in operations, a multiplication and an addition each being one; what is no convolution or matrix product counts
one per element of its output, and nothing where it only moves data. Bytes are those of inputs, weights and outputs,
each once: the least that has to move, whatever caches do. Weights themselves are never looked at.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from orchestrator.analysis.operators import PRODUCTS, UNCOUNTED, Product, product_work
from orchestrator.errors import ModelError

MOVES: Final = frozenset(
    ("Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten", "Identity",
     "Cast", "Shape", "Constant", "ConstantOfShape", "Expand", "Tile", "Pad", "Dropout")
)  # fmt: skip
LIGHT: Final = 1024  # elements: what says a shape has far fewer
Shape = tuple[int | None, ...]
Tensors = Mapping[str, tuple[Shape, int]]
"""Shape and bytes an element of every tensor that is known, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One node: its work and traffic, null where a shape is not known."""

    name: str
    kind: str
    shape: Shape | None
    parameters: int
    flops: int | None
    moved_bytes: int | None


def known_tensors(main: Path, model: ModelProto, given: Mapping[str, Sequence[int]]) -> dict[str, tuple[Shape, int]]:
    """All that shape inference reaches; a batch that is left open is 1, other open sizes are those `given`.

    Settles the model's own inputs in passing. Raises `ModelError` for shapes that do not fit.
    """
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
        inferred = onnx.shape_inference.infer_shapes(_without_weights(model), data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise ModelError(f"{main}: the shapes do not fit: {error}") from error
    values = [*inferred.input, *inferred.value_info, *inferred.output]
    found = {value.name: _described(value) for value in values if value.type.tensor_type.HasField("shape")}
    for tensor in model.graph.initializer:
        found[tensor.name] = (tuple(tensor.dims), _item_bytes(tensor.data_type))
    return found


def _without_weights(model: ModelProto) -> ModelProto:
    """The same graph with its larger weights only declared, as inputs: inferring shapes would copy them three times."""
    graph, light = model.graph, ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    for field in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(light.graph, field).extend(getattr(graph, field))
    light.graph.name = graph.name
    declared = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= LIGHT:
            light.graph.initializer.append(tensor)
        elif tensor.name not in declared:
            light.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def layers_of(model: ModelProto, known: Tensors) -> tuple[Layer, ...]:
    """Each node of the graph, in its order."""
    weights = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    return tuple(
        Layer(
            name=node.name or (node.output[0] if node.output else node.op_type),
            kind=node.op_type,
            shape=known[node.output[0]][0] if node.output and node.output[0] in known else None,
            parameters=sum(weights[name] for name in node.input if name in weights),
            flops=_flops(node, known),
            moved_bytes=moved_bytes([*node.input, *node.output], known),
        )
        for node in model.graph.node
    )


def moved_bytes(names: Sequence[str], known: Tensors) -> int | None:
    """Bytes of these tensors together; None where the shape of one is not known. An empty name is none."""
    total = 0
    for name in filter(None, names):
        sizes = _sizes(name, known)
        if sizes is None:
            return None
        total += math.prod(sizes) * known[name][1]
    return total


def _described(value: Any) -> tuple[Shape, int]:
    tensor = value.type.tensor_type
    return tuple(dim.dim_value or None for dim in tensor.shape.dim), _item_bytes(tensor.elem_type)


def _item_bytes(elem_type: int) -> int:
    if elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        return 0
    return int(np.dtype(helper.tensor_dtype_to_np_dtype(elem_type)).itemsize)


def _flops(node: NodeProto, known: Tensors) -> int | None:
    if node.op_type in MOVES:
        return 0
    produced = _sizes(node.output[0], known) if node.output else None
    if produced is None or node.op_type in UNCOUNTED:
        return None
    product = PRODUCTS.get(node.op_type)
    return math.prod(produced) if product is None else _product_flops(node, product, produced, known)


def _product_flops(node: NodeProto, product: Product, produced: Sequence[int], known: Tensors) -> int | None:
    weights = _sizes(node.input[product.weights], known)
    if weights is None:
        return None
    return product_work(
        product,
        first=_sizes(node.input[0], known),
        weights=weights,
        output=produced,
        has_bias=product.bias is not None and len(node.input) > product.bias and bool(node.input[product.bias]),
        is_transposed=any(each.name == "transB" and each.i for each in node.attribute),
    )


def _sizes(name: str, known: Tensors) -> list[int] | None:
    """A tensor's sizes where all of them are known."""
    if name not in known or any(size is None for size in known[name][0]):
        return None
    return [size or 0 for size in known[name][0]]
