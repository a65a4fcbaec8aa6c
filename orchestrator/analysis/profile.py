"""Where the time of a model goes: a runtime's profile joined with the work of each operator. Pure.

Work is counted from the shapes that the profile itself gives, for it is of the graph as the runtime changed it: two
operations for each product of a convolution or matrix product, nothing for what is neither. A profiled run is slower
than a measured one; shares and differences are what it is for.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.wire.profile import OperatorTime, Profiled

CONVOLUTIONS: Final = ("Conv", "FusedConv", "NhwcFusedConv", "ConvInteger", "QLinearConv", "NhwcConv")
PRODUCTS: Final = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul", "MatMulInteger", "QLinearMatMul", "QGemm",
                   "DynamicQuantizeMatMul", "MatMulIntegerToFloat")  # fmt: skip
_QUANTISED_FIRST: Final = ("QLinearConv", "QLinearMatMul", "QGemm")  # value, scale, zero point, then the weights


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorShare:
    """An operator's part of an inference: `share` of the time in operators; work is null where it is not known."""

    name: str
    kind: str
    provider: str
    time_ms: float
    share: float
    flops: int | None

    @property
    def gflops_per_s(self) -> float | None:
        """Effective speed, where there is work and time."""
        return None if not self.flops or self.time_ms <= 0 else self.flops / self.time_ms / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """A profile of one inference, on average: its operators by time, and by kind of operator.

    `inference_ms` is the whole inference, `operators_ms` what was spent in operators.
    """

    inferences: int
    inference_ms: float
    operators_ms: float
    operators: tuple[OperatorShare, ...]
    kinds: tuple[OperatorShare, ...]


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


def view_profile(profiled: Profiled) -> ProfileView:
    """The profile as shares and speeds."""
    total_ns = sum(operator.total_ns for operator in profiled.operators) or 1
    shares = [_share(operator, profiled.inferences, total_ns) for operator in profiled.operators]
    return ProfileView(
        inferences=profiled.inferences,
        inference_ms=profiled.total_ns / profiled.inferences / 1e6,
        operators_ms=sum(share.time_ms for share in shares),
        operators=tuple(sorted(shares, key=lambda share: (-share.time_ms, share.name))),
        kinds=_by_kind(shares),
    )


def movers(before: Iterable[OperatorShare], after: Iterable[OperatorShare]) -> tuple[Mover, ...]:
    """Each name's time in both, the greatest changes first. Names are those of nodes, or of kinds."""
    first = {share.name: share.time_ms for share in before}
    second = {share.name: share.time_ms for share in after}
    names = dict.fromkeys([*first, *second])
    found = [Mover(name=name, before_ms=first.get(name), after_ms=second.get(name)) for name in names]
    return tuple(sorted(found, key=lambda mover: (-abs(mover.change_ms), mover.name)))


def work_of(operator: OperatorTime) -> int | None:
    """Floating-point or integer operations of one call; 0 for what is no product, None where shapes are missing."""
    if operator.kind not in (*CONVOLUTIONS, *PRODUCTS):
        return 0
    place = 3 if operator.kind in _QUANTISED_FIRST else 1
    if not operator.outputs or len(operator.inputs) <= place:
        return None
    produced, weights = math.prod(operator.outputs[0]), operator.inputs[place]
    if operator.kind in CONVOLUTIONS:
        return 2 * produced * math.prod(weights[1:]) if len(weights) > 2 else None
    return 2 * produced * operator.inputs[0][-1] if operator.inputs[0] else None


def _share(operator: OperatorTime, inferences: int, total_ns: int) -> OperatorShare:
    work = work_of(operator)
    return OperatorShare(
        name=operator.name,
        kind=operator.kind,
        provider=operator.provider,
        time_ms=operator.total_ns / inferences / 1e6,
        share=operator.total_ns / total_ns,
        flops=None if work is None else round(work * operator.calls / inferences),
    )


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
            flops=None if any(each.flops is None for each in own) else sum(each.flops or 0 for each in own),
        )
        for kind, own in kinds.items()
    ]
    return tuple(sorted(found, key=lambda share: (-share.time_ms, share.name)))
