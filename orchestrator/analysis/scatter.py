"""How much the variants of a group scatter once variant and unit (block or board) are taken out. Pure.

A two-way residual also holds a share of the other variants' scatter, which hides differences: among three variants an
SD three times as large as the others' shows as 1.65 times. So each variant's variance is the one that the mean squares
of all imply (Grubbs, Journal of the American Statistical Association 43, 1948).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Table = Mapping[str, Mapping[Hashable, float]]

LARGEST_SD_RATIO = 2.0
LEAST_VARIANTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Variance of a unit's log median: one for all, or where they differ too much, one for each variant.

    `pooled` is None, and `variances` empty, where nothing can be said that way; a variance may come out as 0 or less.
    """

    pooled: float | None = None
    pooled_freedom: int = 0
    variances: Mapping[str, float] = field(default_factory=dict)
    freedom: int = 0


def measure_scatter(tables: Sequence[Table]) -> Scatter:
    """The scatter of variants by unit: one table of boards' means, or one of blocks for each board."""
    owners: list[str] = []
    parts, freedom = [], 0
    for table in tables:
        residuals, rank = _two_way_residuals(table)
        owners += [variant for variant, own in table.items() for _ in own]
        parts.append(residuals)
        freedom += len(residuals) - rank
    residuals = np.concatenate(parts)
    if freedom < 1:
        return Scatter()
    names = np.array(owners)
    squares = {name: float(np.mean(residuals[names == name] ** 2)) for name in dict.fromkeys(owners)}
    if _are_alike(squares):
        return Scatter(pooled=float(residuals @ residuals) / freedom, pooled_freedom=freedom)
    return _own_scatter(tables, squares)


def _own_scatter(tables: Sequence[Table], squares: Mapping[str, float]) -> Scatter:
    """A variance for each variant, where every table is complete and there are enough variants."""
    units = [len(next(iter(table.values()))) for table in tables]
    is_complete = all(len(table) == len(squares) and _is_complete(table) for table in tables)
    freedom = sum(units) - len(units)
    if not is_complete or len(squares) < LEAST_VARIANTS or freedom < 1:
        return Scatter()
    unbiased = sum(units) / freedom
    return Scatter(variances={name: unbiased * own for name, own in _variances(squares).items()}, freedom=freedom)


def _are_alike(squares: Mapping[str, float]) -> bool:
    """Whether no variant's SD is more than `LARGEST_SD_RATIO` times another's; one that comes out as 0 is not alike."""
    if len(squares) < 3:
        return True
    variances = list(_variances(squares).values())
    return min(variances) > 0 and max(variances) <= LARGEST_SD_RATIO**2 * min(variances)


def _variances(squares: Mapping[str, float]) -> Mapping[str, float]:
    """The variances that mean squares of residuals of at least three variants imply."""
    count, total = len(squares), sum(squares.values())
    return {name: (count * own - total / (count - 1)) / (count - 2) for name, own in squares.items()}


def _is_complete(table: Table) -> bool:
    units = next(iter(table.values())).keys()
    return all(own.keys() == units for own in table.values())


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
