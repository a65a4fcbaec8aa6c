"""Paired differences of log medians, and the error of their means: what a comparison is computed from.

Where two variants share three boards or more, the boards are the units, and a board's d is its mean over
common blocks: so the answer holds for boards of this type. Pooling blocks over boards covered 62 to 79 %
instead of 95 % once boards differed by 1 to 2 %; Student's t over boards held 95 %. One or two boards
cannot stand for their type: there the blocks are the units, and the answer holds for these boards alone.
"""

import enum
import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.analysis.effect import Effect
from orchestrator.analysis.scatter import Scatter, Table, measure_scatter

Place = tuple[str, Hashable]
Logs = Mapping[str, Mapping[Place, float]]

LEAST_BOARDS = 3


class Unit(enum.Enum):
    """What is replicated in a comparison."""

    BLOCK = "block"
    BOARD = "board"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two variants: the mean of ln(a/b) over common units, and the variance of a unit's difference.

    The mean's variance is `variance * weight`; without degrees of freedom nothing is known of it.
    """

    a: str
    b: str
    unit: Unit
    units: int
    mean: float
    weight: float
    variance: float
    freedom: int

    @property
    def is_usable(self) -> bool:
        """Whether there are enough common units to say anything."""
        return self.freedom >= 1

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(self.variance * self.weight)

    @property
    def effect(self) -> Effect:
        """The mean with its error; there are degrees of freedom."""
        return Effect(mean=self.mean, error=self.error, freedom=self.freedom)

    def quantile(self, probability: float) -> float:
        """Student's t for this pair's degrees of freedom."""
        return self.effect.quantile(probability)

    def p_beyond(self, limit: float) -> float:
        """p of the hypothesis that the true difference is within +-`limit`, two-sided."""
        return self.effect.p_beyond(limit)

    def p_within(self, limit: float) -> float:
        """p of the hypothesis that it is not (TOST)."""
        return self.effect.p_within(limit)


def make_pairs(logs: Logs, variants: Sequence[str]) -> list[Pair]:
    """Every pair of variants, from their log medians by (device, block).

    Where all pairs have the same unit and no variant scatters more than twice as much as another, the variance is
    pooled from two-way residuals (variant + unit). Otherwise a pair's is the sum of its two variants' own, where there
    are enough variants to tell them by, else that of its differences. In any case one of 20 groups of equals has a
    wrong word, whether or not some variants scatter two or three times as much.
    """
    pairs = [_own_pair(logs, a, b) for a, b in itertools.combinations(variants, 2)]
    units = {pair.unit for pair in pairs if pair.is_usable}
    if len(units) != 1:
        return pairs
    scatter = measure_scatter(_tables(logs, units.pop()))
    return [_with_scatter(pair, scatter) if pair.is_usable else pair for pair in pairs]


def _with_scatter(pair: Pair, scatter: Scatter) -> Pair:
    """The pair with what the whole group knows of its variance (Welch 1938 and Satterthwaite 1946 where not pooled)."""
    if scatter.pooled is not None:
        return replace(pair, variance=2 * scatter.pooled, freedom=scatter.pooled_freedom)
    a, b = scatter.variances.get(pair.a, 0.0), scatter.variances.get(pair.b, 0.0)
    if min(a, b) <= 0:
        return pair
    freedom = int((a + b) ** 2 / ((a**2 + b**2) / scatter.freedom))
    return replace(pair, variance=a + b, freedom=max(scatter.freedom, freedom))


def _own_pair(logs: Logs, a: str, b: str) -> Pair:
    by_device = _differences(logs.get(a, {}), logs.get(b, {}))
    means = np.array([np.mean(values) for values in by_device.values()])
    if len(means) >= LEAST_BOARDS:
        unit, units, freedom = Unit.BOARD, len(means), len(means) - 1
        weight, squares = 1 / len(means), float(((means - means.mean()) ** 2).sum())
    else:
        counts = [len(values) for values in by_device.values()]
        unit, units, freedom = Unit.BLOCK, sum(counts), sum(counts) - len(counts)
        weight = sum(1 / count for count in counts) / max(1, len(counts)) ** 2
        squares = sum(float(np.var(values)) * len(values) for values in by_device.values())
    return Pair(
        a=a,
        b=b,
        unit=unit,
        units=units,
        mean=float(means.mean()) if units else math.nan,
        weight=weight,
        variance=squares / freedom if freedom else math.nan,
        freedom=freedom,
    )


def _differences(a: Mapping[Place, float], b: Mapping[Place, float]) -> dict[str, list[float]]:
    by_device: dict[str, list[float]] = {}
    for place in a.keys() & b.keys():
        by_device.setdefault(place[0], []).append(a[place] - b[place])
    return by_device


def _tables(logs: Logs, unit: Unit) -> list[Table]:
    """Tables of variant by unit: one of boards' means, or one of blocks for each board."""
    boards: dict[str, dict[str, dict[Hashable, float]]] = {}
    for variant, own in logs.items():
        for (device, block), value in own.items():
            boards.setdefault(device, {}).setdefault(variant, {})[block] = value
    if unit is Unit.BLOCK:
        return list(boards.values())
    means: dict[str, dict[Hashable, float]] = {}
    for device, table in boards.items():
        for variant, blocks in table.items():
            means.setdefault(variant, {})[device] = float(np.mean(list(blocks.values())))
    return [means]
