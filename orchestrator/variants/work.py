"""The work of an ONNX graph's nodes by their names, for joining it with what a runtime says of the time in each.

A runtime that is handed QuantizeLinear / DequantizeLinear pairs folds them into the operators between them, and then
moves bytes where the graph says floats: traffic is counted both ways, and the runtime's name for the operator says
which of them was. One that is handed half precision may compute in single precision: no traffic is told then.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from orchestrator.analysis.operators import PRODUCTS
from orchestrator.analysis.profile import NodeWork
from orchestrator.variants.layers import Tensors, known_tensors, layers_of, moved_bytes

MOST_SHAPE_NUMBERS: Final = 1000  # shapes follow from the numbers in small tensors, not from those in large ones
FOLLOWERS: Final = frozenset(
    ("BatchNormalization", "Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh")
)
"""What a runtime computes in passing, at the end of the product before it."""


def read_work(main: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[NodeWork, ...]]:
    """What each node of an .onnx file does, by its name and by those of what it and its followers put out.

    A name can be both. Weights in files of their own are not needed. Raises `ModelError` for shapes that do not fit.
    """
    model = onnx.load_model(main, format="protobuf", load_external_data=False)
    _forget_weights(model.graph)
    known = known_tensors(main, model, shapes)
    sources, targets = _quantised(model.graph)
    halves = _halves(model.graph)
    named: dict[str, NodeWork] = {}
    made: dict[str, NodeWork] = {}
    for node, layer in zip(model.graph.node, layers_of(model, known), strict=True):
        is_half = not halves.isdisjoint([*node.input, *node.output])
        work = NodeWork(
            kind=layer.kind,
            flops=layer.flops,
            moved_bytes=None if is_half else layer.moved_bytes,
            folded_bytes=_folded(node, sources, targets, known),
        )
        named |= {node.name: work} if node.name else {}
        before = made.get(node.input[0]) if node.op_type in FOLLOWERS else None
        made |= dict.fromkeys(filter(None, node.output), before if _is_product(before) else work)
    names = dict.fromkeys([*named, *made])
    return {name: tuple(each[name] for each in (named, made) if name in each) for name in names}


def _forget_weights(graph: GraphProto) -> None:
    """Leave of large tensors their shapes and types alone: inferring shapes copies the whole model, more than once."""
    for tensor in graph.initializer:
        if math.prod(tensor.dims) > MOST_SHAPE_NUMBERS:
            for field in ("raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data"):
                tensor.ClearField(field)


def _is_product(work: NodeWork | None) -> bool:
    return work is not None and work.kind in PRODUCTS


def _halves(graph: GraphProto) -> set[str]:
    """Weights and values in half precision, as far as the file says so."""
    values = [*graph.input, *graph.value_info, *graph.output]
    half = TensorProto.FLOAT16
    found = {value.name for value in values if value.type.tensor_type.elem_type == half}
    return found | {tensor.name for tensor in graph.initializer if tensor.data_type == half}


def _quantised(graph: GraphProto) -> tuple[dict[str, str], dict[str, str]]:
    """What each dequantised tensor is made of, and what becomes of each tensor that is quantised."""
    sources = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    targets = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    return sources, targets


def _folded(node: NodeProto, sources: Mapping[str, str], targets: Mapping[str, str], known: Tensors) -> int | None:
    """Traffic with the pairs around the node folded into it; None where there are none."""
    inputs, outputs = (
        [sources.get(name, name) for name in node.input],
        [targets.get(name, name) for name in node.output],
    )
    if inputs == list(node.input) and outputs == list(node.output):
        return None
    return moved_bytes([*inputs, *outputs], known)
