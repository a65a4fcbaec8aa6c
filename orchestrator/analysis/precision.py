"""How narrow a study's intervals are on one board, and whether more blocks would be of use there. Pure.

What must become narrow is the 95 % interval of every pair's ratio, the figure that a comparison shows; of a single
variant, that of its median. The width alone decides, never the answer: who stops on significance finds too much of it.
Looking again after each block still favours moments at which the scatter looks small, so intervals found this way
cover less than 95 %: `STATED_COVERAGE`, as `benchmarks.until_ci` measures it.
"""

import enum
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.latency import t_interval
from orchestrator.analysis.pairing import make_pairs

CONFIDENCE = 0.95
STATED_COVERAGE = 0.93
START_BLOCKS = 8
USUAL_MAX_BLOCKS = 40
STALLED_AFTER = 4
_HERE = "here"

Medians = Mapping[str, Mapping[Hashable, float]]


class Stop(enum.Enum):
    """Why no further block is added on a device."""

    NARROW = "narrow enough"
    LIMIT = "the limit of blocks is met"
    NOTHING = "nothing could be measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The widest interval of a study on a device: half its width as a share, None where no interval can be made.

    `left_out` names the variants that gave no result in the last `STALLED_AFTER` blocks: nobody waits for them.
    """

    half_width: float | None
    compared: tuple[str, ...]
    left_out: tuple[str, ...]


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


def why_stop(precision: Precision, *, wanted: float, blocks: int, max_blocks: int) -> Stop | None:
    """Why no further block is needed or allowed after `blocks`, None where one is."""
    if precision.half_width is not None and precision.half_width <= wanted:
        return Stop.NARROW
    if not precision.compared:
        return Stop.NOTHING
    return Stop.LIMIT if blocks >= max_blocks else None


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
