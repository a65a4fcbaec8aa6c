"""Where the time of a model goes: a runtime's profile joined with the work of each operator. Pure.

The profile is of the graph as the runtime changed it. Work is that of the node in the network's own graph that an
operator was made of, found by its name; where there is none it follows from the shapes that the profile gives. Shapes
of weights that were packed ahead are not among those. What is neither convolution nor matrix product counts as no work.
A profiled run is slower than a measured one; shares and differences are what it is for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.wire.profile import OperatorTime, Profiled
from orchestrator.analysis.operators import PRODUCTS, UNCOUNTED, Family, Product, product_work

# How ONNX Runtime calls a node that it has fused or laid out anew; what is in blocks of channels, by its output.
_DECORATIONS: Final = re.compile(r"^fused |(?:_nchwc|_nhwc|_quant|_token_\d+|/\w+Fusion\w*/?)$")
_INTEGER: Final = ("QLinear", "QGemm")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWork:
    """What a node of the graph does: operations, and bytes of its inputs, weights and outputs; null if not known.

    `folded_bytes` are those where the runtime folds the quantising around the node into it; null where there is none.
    """

    kind: str
    flops: int | None
    moved_bytes: int | None
    folded_bytes: int | None = None


GraphWork = Mapping[str, Sequence[NodeWork]]
"""The nodes of a graph by their names, and by the names of what they put out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorShare:
    """An operator's part of an inference: `share` of the time in operators; work is null where it is not known.

    `moved_bytes` is the least that has to move; null where the operator is not found in the network's graph.
    """

    name: str
    kind: str
    provider: str
    time_ms: float
    share: float
    flops: int | None
    moved_bytes: int | None = None

    @property
    def gflops_per_s(self) -> float | None:
        """Effective speed, where there is work and time."""
        return None if not self.flops or self.time_ms <= 0 else self.flops / self.time_ms / 1e6

    @property
    def gbytes_per_s(self) -> float | None:
        """Effective traffic, where it and the time are known."""
        return None if not self.moved_bytes or self.time_ms <= 0 else self.moved_bytes / self.time_ms / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """A profile of one inference, on average: its operators by time, and by kind of operator.

    `inference_ms` is the whole inference, `operators_ms` what was spent in operators, `unknown_share` the part of that
    in operators whose work is not known.
    """

    inferences: int
    inference_ms: float
    operators_ms: float
    operators: tuple[OperatorShare, ...]
    kinds: tuple[OperatorShare, ...]
    unknown_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """An operator, or a kind of it, in two profiles; null where one has none."""

    name: str
    before_ms: float | None
    after_ms: float | None

    @property
    def change_ms(self) -> float:
        """How much longer it takes in the second."""
        return (self.after_ms or 0.0) - (self.before_ms or 0.0)


def view_profile(profiled: Profiled, graph: GraphWork | None = None) -> ProfileView:
    """The profile as shares and speeds; `graph` is the work of the network's nodes."""
    total_ns = sum(operator.total_ns for operator in profiled.operators) or 1
    shares = [_share(operator, profiled.inferences, total_ns, graph or {}) for operator in profiled.operators]
    return ProfileView(
        inferences=profiled.inferences,
        inference_ms=profiled.total_ns / profiled.inferences / 1e6,
        operators_ms=sum(share.time_ms for share in shares),
        operators=tuple(sorted(shares, key=lambda share: (-share.time_ms, share.name))),
        kinds=_by_kind(shares),
        unknown_share=sum(share.share for share in shares if share.flops is None),
    )


def movers(before: Iterable[OperatorShare], after: Iterable[OperatorShare]) -> tuple[Mover, ...]:
    """Each name's time in both, the greatest changes first. Names are those of nodes, or of kinds."""
    first = {share.name: share.time_ms for share in before}
    second = {share.name: share.time_ms for share in after}
    names = dict.fromkeys([*first, *second])
    found = [Mover(name=name, before_ms=first.get(name), after_ms=second.get(name)) for name in names]
    return tuple(sorted(found, key=lambda mover: (-abs(mover.change_ms), mover.name)))


def node_of(operator: OperatorTime, graph: GraphWork) -> NodeWork | None:
    """The node that an operator was made of; None where no name fits, or one that does another kind of work."""
    name, shorter = operator.name, _DECORATIONS.sub("", operator.name)
    while name not in graph and shorter != name:
        name, shorter = shorter, _DECORATIONS.sub("", shorter)
    return next((node for node in graph.get(name, ()) if _is_made_of(operator.kind, node.kind)), None)


def _is_made_of(kind: str, source: str) -> bool:
    """Whether an operator of one kind can come of a node of another: of the same, or of the same family."""
    product, other = PRODUCTS.get(kind), PRODUCTS.get(source)
    if product is not None and other is not None:
        return product.family is other.family
    return kind.removeprefix(_INTEGER[0]) == source or kind == "unknown"


def work_of(operator: OperatorTime, node: NodeWork | None) -> int | None:
    """Operations of one call; 0 for what is no product, None where neither the node nor the shapes tell."""
    kind = operator.kind if node is None else node.kind
    product = PRODUCTS.get(kind)
    if product is None:
        return None if kind in UNCOUNTED else 0
    if node is not None and node.flops is not None:
        return node.flops
    return _work_of_shapes(operator, product)


def _work_of_shapes(operator: OperatorTime, product: Product) -> int | None:
    """From the profile's own shapes; those of packed weights are missing, and what follows them moves up."""
    inputs = operator.inputs
    is_convolution = product.family is not Family.MATRIX
    weights = inputs[product.weights] if is_convolution and len(inputs) > product.weights else None
    return product_work(
        product,
        first=inputs[0] if inputs else None,
        weights=weights,
        output=operator.outputs[0] if operator.outputs else None,
    )


def _share(operator: OperatorTime, inferences: int, total_ns: int, graph: GraphWork) -> OperatorShare:
    node, calls = node_of(operator, graph), operator.calls / inferences
    work, moved = work_of(operator, node), _moved(operator, node)
    return OperatorShare(
        name=operator.name,
        kind=operator.kind,
        provider=operator.provider,
        time_ms=operator.total_ns / inferences / 1e6,
        share=operator.total_ns / total_ns,
        flops=None if work is None else round(work * calls),
        moved_bytes=None if moved is None else round(moved * calls),
    )


def _moved(operator: OperatorTime, node: NodeWork | None) -> int | None:
    """Bytes of one call. Between quantised neighbours, an operator of an unchanged name may have moved either."""
    if node is None:
        return None
    if node.folded_bytes is None:
        return node.moved_bytes
    return node.folded_bytes if operator.kind.startswith(_INTEGER) else None


def _by_kind(shares: Sequence[OperatorShare]) -> tuple[OperatorShare, ...]:
    kinds: dict[str, list[OperatorShare]] = {}
    for share in shares:
        kinds.setdefault(share.kind, []).append(share)
    found = [
        OperatorShare(
            name=kind,
            kind=kind,
            provider=", ".join(sorted({each.provider for each in own if each.provider})),
            time_ms=sum(each.time_ms for each in own),
            share=sum(each.share for each in own),
            flops=_sum([each.flops for each in own]),
            moved_bytes=_sum([each.moved_bytes for each in own]),
        )
        for kind, own in kinds.items()
    ]
    return tuple(sorted(found, key=lambda share: (-share.time_ms, share.name)))


def _sum(figures: Sequence[int | None]) -> int | None:
    """None where one is not known."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None
