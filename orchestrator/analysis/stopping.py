"""When a study that goes on until its intervals are narrow has enough blocks on a board. Pure, and light to import.

The width alone decides, never the answer: who stops on significance finds too much of it. Looking again after each
block still favours moments at which the scatter looks small, so intervals found this way cover less than 95 %, the less
the fewer blocks there were at first: `STATED_COVERAGE`, as `benchmarks.until_ci` has measured it for the noise at which
it is worst.
"""

import enum
from dataclasses import dataclass

START_BLOCKS = 8
USUAL_MAX_BLOCKS = 40
STALLED_AFTER = 4
STATED_COVERAGE = {
    1: 0.87,
    3: 0.90,
    5: 0.92,
    START_BLOCKS: 0.93,
}  # from so many blocks on


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


def stated_coverage(start_blocks: int) -> float:
    """What 95 % intervals really cover when blocks are added to so many until they are narrow."""
    return max(covered for start, covered in STATED_COVERAGE.items() if start <= max(start_blocks, 1))


def why_stop(precision: Precision, *, wanted: float, blocks: int, max_blocks: int) -> Stop | None:
    """Why no further block is needed or allowed after `blocks`, None where one is."""
    if precision.half_width is not None and precision.half_width <= wanted:
        return Stop.NARROW
    if not precision.compared:
        return Stop.NOTHING
    return Stop.LIMIT if blocks >= max_blocks else None
