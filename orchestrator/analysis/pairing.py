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
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Place = tuple[str, Hashable]
Logs = Mapping[str, Mapping[Place, float]]
Table = Mapping[str, Mapping[Hashable, float]]

LEAST_BOARDS = 3
LARGEST_SD_RATIO = 2.0


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

    def quantile(self, probability: float) -> float:
        """Student's t for this pair's degrees of freedom."""
        return float(stats.t.ppf(probability, self.freedom))

    def p_beyond(self, limit: float) -> float:
        """p of the hypothesis that the true difference is within +-`limit`, two-sided."""
        return min(1.0, 2 * self._tail(abs(self.mean) - limit))

    def p_within(self, limit: float) -> float:
        """p of the hypothesis that it is not: the larger of two one-sided tests (TOST, Schuirmann 1987)."""
        return self._tail(limit - abs(self.mean))

    def _tail(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / self.error, self.freedom))


def make_pairs(logs: Logs, variants: Sequence[str]) -> list[Pair]:
    """Every pair of variants, from their log medians by (device, block).

    The variance is pooled from two-way residuals (variant + unit) where all pairs have the same unit and no
    variant scatters more than twice as much as another; otherwise each pair has its own. Of 20 groups of equals
    one has a wrong word either way, whether one variant scatters twice or three times as much or not.
    """
    pairs = [_own_pair(logs, a, b) for a, b in itertools.combinations(variants, 2)]
    units = {pair.unit for pair in pairs if pair.is_usable}
    pooled = _pooled_variance(_tables(logs, units.pop())) if len(units) == 1 else None
    if pooled is None:
        return pairs
    variance, freedom = pooled
    return [replace(pair, variance=2 * variance, freedom=freedom) if pair.is_usable else pair for pair in pairs]


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


def _pooled_variance(tables: Sequence[Table]) -> tuple[float, int] | None:
    """Residual variance of variant + unit with its degrees of freedom; None if scatters differ too much."""
    owners: list[str] = []
    parts, freedom = [], 0
    for table in tables:
        residuals, rank = _two_way_residuals(table)
        owners += [variant for variant, own in table.items() for _ in own]
        parts.append(residuals)
        freedom += len(residuals) - rank
    residuals = np.concatenate(parts)
    if freedom < 1 or not _scatter_alike(residuals, owners):
        return None
    return float(residuals @ residuals) / freedom, freedom


def _scatter_alike(residuals: Floats, owners: Sequence[str]) -> bool:
    """Whether no variant's SD is more than `LARGEST_SD_RATIO` times another's.

    A residual also holds a share of the other variants' scatter, which hides differences: among three variants an SD
    three times as large as the others' shows as 1.65 times. So the SDs are those that these mean squares imply (Grubbs,
    Journal of the American Statistical Association 43, 1948); one that comes out as nothing is not alike.
    """
    names = np.array(owners)
    squares = np.array([np.mean(residuals[names == name] ** 2) for name in dict.fromkeys(owners)])
    count = len(squares)
    if count < 3:
        return True
    variances = (count * squares - squares.sum() / (count - 1)) / (count - 2)
    return bool(variances.min() > 0 and variances.max() <= LARGEST_SD_RATIO**2 * variances.min())


def _two_way_residuals(table: Table) -> tuple[Floats, int]:
    """Residuals of variant + unit, variant after variant, and the rank of the fit."""
    variants, units = list(table), list(dict.fromkeys(unit for own in table.values() for unit in own))
    if all(len(own) == len(units) for own in table.values()):
        grid = np.array([[own[unit] for unit in units] for own in table.values()])
        fitted = grid.mean(axis=1, keepdims=True) + grid.mean(axis=0, keepdims=True) - grid.mean()
        return (grid - fitted).ravel(), len(variants) + len(units) - 1
    values = np.array([value for own in table.values() for value in own.values()])
    design = np.zeros((len(values), len(variants) + len(units)))
    places = [(variant, unit) for variant, own in table.items() for unit in own]
    for row, (variant, unit) in enumerate(places):
        design[row, variants.index(variant)] = design[row, len(variants) + units.index(unit)] = 1.0
    solution, _, rank, _ = np.linalg.lstsq(design, values)
    return values - design @ solution, int(rank)
