"""A sweep: what is asked of a board whose die is led up and down a ramp of temperatures, and what it answers.

`Ramp` is part of a `Protocol`, `Swept` of the record `Ended`.
"""

import enum
import itertools
from dataclasses import dataclass

from agent.wire.codec import require

MAX_LEVELS = 20
HIGHEST_LIMIT_C = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A window that leads the die from its coolest up to `high_c` and down to `low_c`, at most `rate_c_per_min` fast.

    Upwards a burner heats and a fan that can be steered stands; before and downwards the board cools by itself and by
    that fan. Inferences come in slots, at least `every_s` after each other, in which nothing burns: a first one, then
    more for `slot_s`, at least one. Each of `levels_c` is held for `hold_s` on the way up, where one inference warms
    the die by less than 1 C. At `limit_c` and above nothing burns and no inference begins.
    """

    low_c: float
    high_c: float
    rate_c_per_min: float = 3.0
    every_s: float = 2.0
    slot_s: float = 0.25
    levels_c: tuple[float, ...] = ()
    hold_s: float = 60.0
    limit_c: float = 84.0

    def __post_init__(self) -> None:
        require(0 <= self.low_c <= 120, "low_c", "0..120", self.low_c)
        require(self.low_c < self.high_c <= 120, "high_c", f"above low_c ({self.low_c:g}), at most 120", self.high_c)
        require(0.1 <= self.rate_c_per_min <= 120, "rate_c_per_min", "0.1..120", self.rate_c_per_min)
        require(0.2 <= self.every_s <= 600, "every_s", "0.2..600", self.every_s)
        require(0.01 <= self.slot_s <= 60, "slot_s", "0.01..60", self.slot_s)
        require(0 <= self.hold_s <= 3600, "hold_s", "0..3600", self.hold_s)
        highest = f"above low_c ({self.low_c:g}), at most {HIGHEST_LIMIT_C:g}"
        require(self.low_c < self.limit_c <= HIGHEST_LIMIT_C, "limit_c", highest, self.limit_c)
        require(len(self.levels_c) <= MAX_LEVELS, "levels_c", f"at most {MAX_LEVELS}", len(self.levels_c))
        edges = (self.low_c, *self.levels_c, self.high_c)
        is_ascending = all(before <= after for before, after in itertools.pairwise(edges))
        is_distinct = len(set(self.levels_c)) == len(self.levels_c)
        require(is_ascending and is_distinct, "levels_c", "ascending, from low_c to high_c", self.levels_c)

    @property
    def shortest_s(self) -> float:
        """How long it takes a board that follows it: up and down once, and the levels."""
        return 2 * (self.high_c - self.low_c) / self.rate_c_per_min * 60.0 + len(self.levels_c) * self.hold_s


class Reach(enum.Enum):
    """Why a sweep went no further in one direction."""

    REACHED = "reached"
    STALLED = "out of reach"
    LIMIT = "safety limit"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A temperature that was to be held: from when, and for how long; 0 s where it was not, and `why`."""

    level_c: float
    at_ns: int
    held_s: float = 0.0
    why: str = ""

    def __post_init__(self) -> None:
        require(self.held_s >= 0, "held_s", "0 or more", self.held_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How far a sweep came: the coolest and hottest that the die was, in means of 2 s, and why no further.

    `up_from_ns` and `down_from_ns` are when heating and cooling began, null where they did not. `limited` counts the
    readings at or above the safety limit. `inference_c` is by how much one inference warmed the die, null where too few
    slots told. `stand_ns` is the longest that the burner took to stand before a slot.
    """

    low_c: float
    high_c: float
    low: Reach
    high: Reach
    up_from_ns: int | None = None
    down_from_ns: int | None = None
    levels: tuple[Level, ...] = ()
    limited: int = 0
    inference_c: float | None = None
    stand_ns: int = 0

    def __post_init__(self) -> None:
        require(self.low_c <= self.high_c, "high_c", f"at least low_c ({self.low_c:g})", self.high_c)
        require(len(self.levels) <= MAX_LEVELS, "levels", f"at most {MAX_LEVELS}", len(self.levels))
        require(self.limited >= 0, "limited", "0 or more", self.limited)
        is_known = self.down_from_ns is None or (self.up_from_ns is not None and self.up_from_ns <= self.down_from_ns)
        require(is_known, "down_from_ns", "at or after up_from_ns", self.down_from_ns)

    @property
    def times_ns(self) -> tuple[int, ...]:
        """Every time in it."""
        ways = (self.up_from_ns, self.down_from_ns)
        known = [at_ns for at_ns in ways if at_ns is not None]
        return (*known, *(level.at_ns for level in self.levels), self.stand_ns)
