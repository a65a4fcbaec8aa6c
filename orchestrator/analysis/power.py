"""How many blocks a wanted ratio needs, and which ratio given blocks can show. Pure.

The scatter of a paired difference is that of two runs: sqrt(2) times the run CV. A plan takes the degrees of freedom of
a single pair and Bonferroni's level among the pairs of a group, the first step of Holm's. A comparison may use what
the other variants say of the scatter, so among several variants a plan is rather too careful. Power is that of the
noncentral t distribution; the sum of two quantiles instead is a tenth too small at four degrees of freedom among eight
variants.
"""

import functools
import math
from collections.abc import Callable

from scipy import optimize, special

LEVEL = 0.05
POWER = 0.80
MOST_BLOCKS = 1000


def blocks_needed(cv: float, ratio: float, variants: int, margin: float) -> int | None:
    """The fewest blocks on one board by which four in five studies tell a true `ratio` to be beyond `margin`.

    `cv` is that of one variant's runs (0.01 is 1 %). None where the ratio lies within the margin, or `MOST_BLOCKS` are
    too few.
    """
    distance = abs(math.log(ratio)) - math.log1p(margin)
    level = _level(variants)
    return _fewest(lambda blocks: _reach(cv, blocks, level, POWER) <= distance)


def blocks_for_equivalence(cv: float, ratio: float, margin: float) -> int | None:
    """The fewest blocks by which four in five studies show a true `ratio` to be within `margin`; None as above.

    Each of the two one-sided tests may miss half of what may be missed.
    """
    distance = math.log1p(margin) - abs(math.log(ratio))
    return _fewest(lambda blocks: _reach(cv, blocks, 2 * LEVEL, (1 + POWER) / 2) <= distance)


def reachable_ratio(cv: float, blocks: int, variants: int, margin: float) -> float | None:
    """The smallest true ratio above 1 that four in five studies of so many blocks tell; None below two blocks."""
    return math.exp(math.log1p(margin) + _reach(cv, blocks, _level(variants), POWER)) if blocks > 1 else None


@functools.lru_cache(maxsize=4096)
def noncentrality(freedom: float, level: float, power: float = POWER) -> float:
    """How many standard errors a true difference has to measure for a two-sided test to find it with this power."""
    critical = float(special.stdtrit(freedom, 1 - level / 2))
    guess = critical + float(special.stdtrit(freedom, power))
    return float(optimize.brentq(lambda shift: 1 - special.nctdtr(freedom, shift, critical) - power, 0.0, 4 * guess))


def _level(variants: int) -> float:
    return LEVEL / max(1, variants * (variants - 1) // 2)


def _reach(cv: float, blocks: int, level: float, power: float) -> float:
    """The logarithm that so many blocks tell from 0."""
    return noncentrality(blocks - 1, level, power) * cv * math.sqrt(2 / blocks)


def _fewest(is_enough: Callable[[int], bool]) -> int | None:
    """The least number of blocks that is enough, by bisection: more blocks never reach less."""
    low, high = 1, 2
    while not is_enough(high):
        if high >= MOST_BLOCKS:
            return None
        low, high = high, min(2 * high, MOST_BLOCKS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
