"""Which rate a board is asked next when the highest one is sought that it holds without throttling. Pure, and light.

A step is one run of an open loop at one rate. What it says of the board's heat and speed (`StepFound`) is made of raw
data by `analysis.thermal.step`; here is only what follows from it. Rates between the highest that was held and the
lowest that was not are halved by their logarithm, unless a step's own temperatures say where the limit lies: then the
steps go to just below and just above that, for a while. The board's own speed, one inference after the other, bounds
the search without a step. When the two are close enough, a long step confirms the lower one; if it fails, the search
goes on below, by long steps alone.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.codec import require

NARROWEST, WIDEST = 0.01, 0.5
LEAST_RATE, MOST_RATE = 0.001, 10_000.0  # as `agent.wire.spec.Pace` has it
UNKNOWN_START = 1.0
AIMED_STEPS = 7  # after so many, steps only halve: an aim that is off must not hold up the search
LEAST_RISE_C = 3.0
BELOW_SPEED = 0.9
LOWER, LOWER_AFTER_LONG = 2.0, 1.25
INNER = 0.8  # of `within` is for what lies between two steps, the rest for what a step may err by
CLOSER = 0.9 * INNER


class StepAnswer(enum.Enum):
    """Whether a step's rate was held, and if not, why; the first that applies."""

    HELD = "held"
    THROTTLED = "throttled"
    MISSED = "missed deadlines"
    WOULD_THROTTLE = "settles above the limit"


class Stop(enum.Enum):
    """Why no further step is made."""

    FOUND = "the highest held rate is confirmed"
    LIMIT = "the limit of steps is met"
    NONE = "no rate is held"
    BROKEN = "a step could not be measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is sought: a held rate within a share of the highest one. Steps of `step_s`, the last `long_s`.

    `start_per_s` is the first rate, None: from what is known of the board. `deadline_s` None: one period.
    """

    within: float = 0.05
    start_per_s: float | None = None
    deadline_s: float | None = None
    step_s: float = 600.0
    long_s: float = 1800.0
    most_steps: int = 12

    def __post_init__(self) -> None:
        require(NARROWEST <= self.within <= WIDEST, "within", f"{NARROWEST:.0%}..{WIDEST:.0%}", f"{self.within:.2%}")
        start, limits = self.start_per_s, f"{LEAST_RATE:g}..{MOST_RATE:g} a second"
        require(start is None or LEAST_RATE <= start <= MOST_RATE, "start", limits, start)
        require(self.deadline_s is None or self.deadline_s > 0, "deadline_s", "more than 0", self.deadline_s)
        require(0 < self.step_s <= self.long_s, "step_s", "more than 0, and no longer than the long step", self.step_s)
        require(3 <= self.most_steps <= 50, "most_steps", "3..50", self.most_steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFound:
    """What one step showed; temperatures are null where they could not be told.

    `is_for_ever`: the temperature that it settles at is known, and below the limit. `service_s` is the mean time of an
    inference. `rise_c` is how far its load would take the unthrottled die above `idle_c`, in the mean; a single
    inference takes it `pulse_c` higher. `limit_c`: where the firmware throttles. `unsure`: what was not checked.
    """

    answer: StepAnswer
    is_for_ever: bool
    deadlines: str
    offered: int
    missed: int
    service_s: float
    limit_c: float
    settled_c: float | None = None
    settled_error_c: float | None = None
    idle_c: float | None = None
    rise_c: float | None = None
    room_c: float | None = None
    pulse_c: float = 0.0
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that has ended; without `found` it could not be used."""

    rate_per_s: float
    is_long: bool
    found: StepFound | None

    @property
    def is_held(self) -> bool:
        """Whether its rate was held for the time of the step."""
        return self.found is not None and self.found.answer is StepAnswer.HELD

    @property
    def aim_per_s(self) -> float | None:
        """The rate that would settle at the limit, as this step's temperatures say; None where they do not."""
        found = self.found
        if found is None or found.idle_c is None or found.rise_c is None or found.rise_c < LEAST_RISE_C:
            return None
        share = (found.limit_c - found.pulse_c - found.idle_c) / found.rise_c
        return min(self.rate_per_s, 1 / found.service_s) * share if share > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """The highest rate that was held below all that were not, and the lowest that is not; None and infinite: unknown.

    `is_speed`: no step has shown the latter; inferences take longer than its period.
    """

    low: float | None
    high: float
    is_speed: bool

    def is_narrow(self, within: float) -> bool:
        """Whether the two are so near that what was held is within a share of the truth."""
        return self.low is not None and self.high <= self.low * (1 + INNER * within) * (1 + 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The step to make."""

    rate_per_s: float
    is_long: bool
    why: str


def bracket_of(steps: Sequence[Step]) -> Bracket:
    """What the steps leave between held and not held.

    Once a long step has failed, a short one does not show that a rate is held.
    """
    is_short_enough = not has_failed_long(steps)
    failed = min((step.rate_per_s for step in steps if step.found and not step.is_held), default=math.inf)
    speeds = [min(1 / step.found.service_s, MOST_RATE) for step in steps if step.found and step.is_held]
    speed = max(speeds, default=math.inf)
    held = [step.rate_per_s for step in steps if step.is_held and (step.is_long or is_short_enough)]
    low = max((rate for rate in held if rate < failed), default=None)
    return Bracket(low=low, high=min(failed, speed), is_speed=speed < failed)


def allowed(rate_per_s: float) -> float:
    """The rate, or the nearest one that a board can be asked for."""
    return min(max(rate_per_s, LEAST_RATE), MOST_RATE)


def has_failed_long(steps: Sequence[Step]) -> bool:
    """Whether a long step has shown that a rate is not held."""
    return any(step.is_long and step.found is not None and not step.is_held for step in steps)


def next_step(search: Search, steps: Sequence[Step]) -> Next | Stop:
    """What comes after these steps, of which there is one at least, in the order in which they were made."""
    if steps[-1].found is None:
        return Stop.BROKEN
    bracket = bracket_of(steps)
    is_confirmed = any(step.is_long and step.is_held and step.rate_per_s == bracket.low for step in steps)
    if bracket.is_narrow(search.within) and is_confirmed:
        return Stop.FOUND
    if len(steps) >= search.most_steps:
        return Stop.LIMIT
    is_last = len(steps) == search.most_steps - 1
    if bracket.low is not None and not is_confirmed and (bracket.is_narrow(search.within) or is_last):
        return Next(rate_per_s=bracket.low, is_long=True, why="a long step confirms what was held")
    if bracket.low is None:
        return _downwards(search, steps, bracket)
    return _between(search, steps, bracket.low, bracket)


def _downwards(search: Search, steps: Sequence[Step], bracket: Bracket) -> Next | Stop:
    """Nothing was held yet."""
    fastest_s = min(step.found.service_s for step in steps if step.found)
    if search.deadline_s is not None and fastest_s > search.deadline_s:
        return Stop.NONE
    is_long = has_failed_long(steps)
    lower = bracket.high / (LOWER_AFTER_LONG if is_long else LOWER)
    rate, why = min(lower, BELOW_SPEED / fastest_s), f"{bracket.high:.4g}/s was not held"
    near, aim = 1 + CLOSER * search.within, _aim(steps)
    if aim is not None:
        rate, why = min(aim / math.sqrt(near), bracket.high / near), _by_temperature(aim)
    return Next(rate_per_s=rate, is_long=is_long, why=why) if rate >= LEAST_RATE else Stop.NONE


def _between(search: Search, steps: Sequence[Step], low: float, bracket: Bracket) -> Next:
    """Just below or just above the aim, where that tells something; else the middle."""
    near, least = 1 + CLOSER * search.within, 1 + search.within / 4
    is_long = has_failed_long(steps)
    aim, why = _aim(steps), "just below the board's own speed"
    if aim is not None and not (bracket.is_speed and aim > bracket.high):
        why = _by_temperature(aim)
    if aim is None and bracket.is_speed:
        aim = math.inf
    if aim is not None:
        for rate in (min(aim / math.sqrt(near), bracket.high / near), max(aim * math.sqrt(near), low * near)):
            if low * least <= rate <= bracket.high / least:
                return Next(rate_per_s=rate, is_long=is_long, why=why)
    why = f"between {low:.4g}/s, held, and {bracket.high:.4g}/s, not held"
    return Next(rate_per_s=math.sqrt(low * bracket.high), is_long=is_long, why=why)


def _aim(steps: Sequence[Step]) -> float | None:
    """Where the limit lies by the step that has to look least far to say so."""
    if len(steps) > AIMED_STEPS:
        return None
    aims = [(abs(math.log(aim / step.rate_per_s)), aim) for step in steps if (aim := step.aim_per_s) is not None]
    return min(aims)[1] if aims else None


def _by_temperature(aim: float) -> str:
    return f"by its temperature the board holds about {aim:.4g}/s"
