"""Which variant to ship, within limits: pure, one group of a leaderboard at a time.

A limit is met only where the whole interval of its figure is within it, and broken only where all of it is beyond;
between those the data cannot tell. The best is the one that is shown to be faster than the others, or has the better
figure; what is not told apart from it is said, never settled by chance: by latency, what the ranking has tied, by other
figures, what has an interval that reaches into the best one's.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LATENCY = "latency"


class Bound(enum.Enum):
    """Which side of a limit is good."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on a figure by its name, in the figure's own unit."""

    figure: str
    bound: Bound
    value: float
    unit: str = ""

    @property
    def text(self) -> str:
        """``latency at most 900 ms``."""
        return f"{self.figure} {self.bound.value} {self.value:g}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value, with its interval where there is one; `source` says who gave it, where that is not the farm's clock."""

    value: float
    low: float | None = None
    high: float | None = None
    source: str = ""

    @property
    def least(self) -> float:
        """The lower end of what it may be."""
        return self.value if self.low is None else self.low

    @property
    def greatest(self) -> float:
        """The upper end."""
        return self.value if self.high is None else self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A variant that could be chosen: its figures by name, and which others its latency is not told apart from."""

    variant: str
    figures: Mapping[str, Figure]
    tied_with: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A variant that was not chosen for limits' sake, all of them in `reason`.

    `is_certain`: the data shows that it breaks one.
    """

    variant: str
    reason: str
    is_certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer for a group: `best` is null where nothing meets the limits.

    `tied_with` are those that meet them too and are not told apart from the best; `undecided` those that would be as
    good or better if they did, where the data cannot tell whether they do.
    """

    best: str | None
    tied_with: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=())

    @property
    def is_clear(self) -> bool:
        """Whether one variant is the answer."""
        return self.best is not None and not self.tied_with and not self.undecided


def choose(options: Sequence[Option], limits: Sequence[Limit], prefer: str, bound: Bound) -> Choice:
    """The best of `options` within `limits` by the figure `prefer`, of which `bound` says which side is better."""
    left_out = {option.variant: found for option in options if (found := _breach(option, limits)) is not None}
    open_to = [option for option in options if prefer in option.figures]
    left_out |= {
        option.variant: LeftOut(variant=option.variant, reason=f"{prefer} is not known", is_certain=True)
        for option in options
        if option not in open_to and option.variant not in left_out
    }
    ordered = sorted(open_to, key=lambda option: (_badness(option, prefer, bound), option.variant))
    fitting = [option for option in ordered if option.variant not in left_out]
    reasons = tuple(left_out[option.variant] for option in options if option.variant in left_out)
    if not fitting:
        return Choice(
            best=None, undecided=tuple(each.variant for each in reasons if not each.is_certain), left_out=reasons
        )
    best = fitting[0]
    rivals = [option for option in ordered if option is not best and _rivals(best, option, prefer, bound)]
    return Choice(
        best=best.variant,
        tied_with=tuple(option.variant for option in rivals if option in fitting),
        undecided=tuple(
            option.variant
            for option in rivals
            if option.variant in left_out and not left_out[option.variant].is_certain
        ),
        left_out=reasons,
    )


def _breach(option: Option, limits: Sequence[Limit]) -> LeftOut | None:
    """All that speaks against an option, what is certain first."""
    found = [each for limit in limits if (each := _against(option, limit)) is not None]
    if not found:
        return None
    ordered = sorted(found, key=lambda each: not each.is_certain)
    return LeftOut(
        variant=option.variant, reason="; ".join(each.reason for each in ordered), is_certain=ordered[0].is_certain
    )


def _against(option: Option, limit: Limit) -> LeftOut | None:
    figure = option.figures.get(limit.figure)
    if figure is None:
        return LeftOut(variant=option.variant, reason=f"{limit.figure} is not known", is_certain=True)
    if limit.bound is Bound.AT_MOST:
        is_met, is_broken = figure.greatest <= limit.value, figure.least > limit.value
    else:
        is_met, is_broken = figure.least >= limit.value, figure.greatest < limit.value
    if is_met:
        return None
    unit, source = (f" {limit.unit}" if limit.unit else ""), (f" ({figure.source})" if figure.source else "")
    shown = f"{figure.value:.4g}{unit}" + (
        "" if figure.low is None else f" [{figure.least:.4g}, {figure.greatest:.4g}]"
    )
    doubt = "" if is_broken else "cannot tell: "
    return LeftOut(
        variant=option.variant,
        reason=f"{doubt}{limit.figure} is {shown}{source}, wanted {limit.text}",
        is_certain=is_broken,
    )


def _rivals(best: Option, other: Option, prefer: str, bound: Bound) -> bool:
    """Whether another option is as good as the best, as far as the data tells, or better."""
    one, two = best.figures[prefer], other.figures[prefer]
    if prefer == LATENCY:
        return other.variant in best.tied_with or (two.value < one.value and best.variant not in other.tied_with)
    return two.least <= one.greatest if bound is Bound.AT_MOST else two.greatest >= one.least


def _badness(option: Option, prefer: str, bound: Bound) -> float:
    figure = option.figures.get(prefer)
    if figure is None:
        return math.inf
    return figure.value if bound is Bound.AT_MOST else -figure.value
