"""The recipe that takes whole filters out of convolutions, where the graph allows it: such a network is really smaller.

A filter can go where its channel is used by nothing but operators that keep channels apart and, in the end, by
convolutions whose own weights for that channel go with it. A sum with another branch, a concatenation or an output of
the network keeps all filters before it. The weakest go, by the sum of magnitudes (Li et al. 2017, Pruning Filters for
Efficient ConvNets).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from orchestrator.variants.recipe import UNTUNED, Made, Recipe, RecipeRefused

APART: Final = frozenset(
    ("Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Elu", "Mish", "Softplus", "Identity",
     "MaxPool", "AveragePool", "GlobalAveragePool", "Swish")
)  # fmt: skip
TOGETHER: Final = frozenset(("Mul", "Add"))  # of branches that come from the same filters
NORMS: Final = "BatchNormalization"


@dataclass(slots=True, kw_only=True)
class Reach:
    """All that a convolution's filters reach: tensors, and the nodes whose weights have a part for each filter."""

    tensors: set[str] = field(default_factory=set)
    by_filter: list[tuple[NodeProto, int, int]] = field(default_factory=list)  # node, which input, which axis


class Graph:
    """A network with the ways between its nodes. Lifecycle: change `weights`, then `store` writes them back."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self.nodes = list(model.graph.node)
        self.outputs = {value.name for value in model.graph.output}
        self.weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.uses: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.uses.setdefault(name, []).append(node)

    def reach(self, conv: NodeProto) -> Reach | None:
        """What the filters of a convolution reach; None where one cannot go."""
        found, waiting = Reach(), [conv.output[0]]
        together: list[NodeProto] = []
        while waiting:
            name = waiting.pop()
            if name in found.tensors:
                continue
            if name in self.outputs:
                return None
            found.tensors.add(name)
            for node in self.uses.get(name, []):
                if node.op_type in TOGETHER:
                    together.append(node)
                elif not self._follow(node, name, found):
                    return None
                waiting += [] if self._ends(node) else node.output
        if any(name not in found.tensors for node in together for name in node.input):
            return None
        return found if self._owns(conv, found) else None

    def _follow(self, node: NodeProto, name: str, found: Reach) -> bool:
        if node.op_type in APART:
            return list(node.input).index(name) == 0
        if node.op_type == NORMS and node.input[0] == name:
            found.by_filter += [(node, place, 0) for place in range(1, 5)]
            return True
        if node.op_type == "Conv" and node.input[0] == name and _attribute(node, "group", 1) == 1:
            found.by_filter.append((node, 1, 1))
            return True
        return False

    def _ends(self, node: NodeProto) -> bool:
        return node.op_type == "Conv"

    def _owns(self, conv: NodeProto, found: Reach) -> bool:
        """Whether all weights that change are known, and used nowhere else."""
        own = [*conv.input[1:], *(node.input[place] for node, place, _ in found.by_filter)]
        return all(name in self.weights and len(self.uses[name]) == 1 for name in own)

    def store(self) -> None:
        """Write the weights back; what was known of the shapes in between no longer holds."""
        for tensor in self._model.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(self.weights[tensor.name], tensor.name))
        del self._model.graph.value_info[:]


def prune_channels(parent: Path, folder: Path, recipe: Recipe) -> Made:
    """Take out that share of the filters of each convolution that can lose some."""
    model = onnx.load(parent)
    graph = Graph(model)
    before, touched = _size(graph.weights.values()), 0
    convolutions = [node for node in graph.nodes if node.op_type == "Conv"]
    for conv in convolutions:
        touched += _thin(graph, conv, recipe.share)
    if not touched:
        raise RecipeRefused(f"{recipe.text}: {_why_none_can_go(graph, convolutions)}")
    graph.store()
    main = folder / parent.name
    onnx.save(model, main)
    less = 1 - _size(graph.weights.values()) / before
    note = f"filters were taken out of {touched} of {len(convolutions)} convolutions: {less:.0%} fewer parameters"
    return Made(main=main, tools={"onnx": onnx.__version__}, notes=(note, UNTUNED))


def _why_none_can_go(graph: Graph, convolutions: Iterable[NodeProto]) -> str:
    if any(_losable(graph, conv) is not None for conv in convolutions):
        return "not one filter of any convolution would go; give a larger share"
    return "no convolution of this network can lose filters; its branches are joined; prune single weights: prune:0.2"


def _losable(graph: Graph, conv: NodeProto) -> Reach | None:
    """What the filters of a convolution reach; None where they cannot go."""
    if conv.input[1] not in graph.weights or _attribute(conv, "group", 1) != 1:
        return None
    return graph.reach(conv)


def _thin(graph: Graph, conv: NodeProto, share: float) -> bool:
    found = _losable(graph, conv)
    if found is None:
        return False
    filters = graph.weights[conv.input[1]]
    kept = _strongest(filters, share)
    if len(kept) == len(filters):
        return False
    for name in conv.input[1:]:
        graph.weights[name] = graph.weights[name][kept]
    for node, place, axis in found.by_filter:
        name = node.input[place]
        graph.weights[name] = np.take(graph.weights[name], kept, axis=axis)
    return True


def _strongest(filters: Any, share: float) -> Sequence[int]:
    """Places of the filters that stay, in order; at least one."""
    strength = np.abs(filters).sum(axis=tuple(range(1, filters.ndim)), dtype=np.float64)
    gone = min(round(share * len(filters)), len(filters) - 1)
    return sorted(np.argsort(strength, kind="stable")[gone:].tolist())


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((int(each.i) for each in node.attribute if each.name == name), default)


def _size(arrays: Iterable[Any]) -> int:
    return sum(int(array.size) for array in arrays)
