"""How narrow a study's intervals are on one board. Pure.

What counts is the widest 95 % interval among the ratios of all pairs, the figures that a comparison shows; of a single
variant, the interval of its median. `stopping` says what follows from it.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np

from orchestrator.analysis.latency import t_interval
from orchestrator.analysis.pairing import make_pairs
from orchestrator.analysis.stopping import Precision

CONFIDENCE = 0.95
_HERE = "here"

Medians = Mapping[str, Mapping[Hashable, float]]


def measure_precision(medians: Medians, recent: frozenset[Hashable]) -> Precision:
    """The widest interval among the variants that still give results.

    `medians` has the usable run medians of each variant by block; `recent` names the newest blocks. Blocks that only
    one of two variants has do not count for their pair.
    """
    compared = tuple(variant for variant, own in medians.items() if recent & own.keys())
    return Precision(
        half_width=_widest({variant: medians[variant] for variant in compared}),
        compared=compared,
        left_out=tuple(variant for variant in medians if variant not in compared),
    )


def _widest(medians: Medians) -> float | None:
    logs = {
        variant: {(_HERE, block): math.log(median) for block, median in own.items()} for variant, own in medians.items()
    }
    if len(logs) == 1:
        (own,) = logs.values()
        return math.expm1(t_interval(np.array(list(own.values())), CONFIDENCE)[1]) if len(own) > 1 else None
    pairs = make_pairs(logs, list(logs))
    if not pairs or not all(pair.is_usable for pair in pairs):
        return None
    return math.expm1(max(pair.quantile((1 + CONFIDENCE) / 2) * pair.error for pair in pairs))
