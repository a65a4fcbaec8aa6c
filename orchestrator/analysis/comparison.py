"""Which of two variants is faster, and how sure that is: one rule words the answer and ranks.

Medians are compared as ratios, paired by block on the same board. The pairs of a group are corrected
together (Holm, Scandinavian Journal of Statistics 6, 1979), so that one word in twenty groups, not in
twenty pairs, is wrong.
"""

import enum
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from orchestrator.analysis.effect import Effect
from orchestrator.analysis.pairing import Pair, Place, Unit, make_pairs
from orchestrator.analysis.power import (
    LEVEL,
    POWER,
    blocks_for_equivalence,
    blocks_needed,
    noncentrality,
    reachable_ratio,
)

__all__ = [
    "LEVEL",
    "MARGIN",
    "POWER",
    "Answer",
    "Comparison",
    "Limit",
    "Observation",
    "answer_of",
    "blocks_for_equivalence",
    "blocks_needed",
    "compare",
    "compare_all",
    "detectable_ratio",
    "holm",
    "reachable_ratio",
]
MARGIN = 0.02
LARGEST_DETECTABLE = 1000.0  # two noisy blocks of many variants reach beyond any number


class Answer(enum.Enum):
    """What the data say of A against B."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    CANNOT_TELL = "cannot tell apart"


class Limit(enum.Enum):
    """What the data say of a limit for A's latency over B's: shown to be beyond it, within it, or neither."""

    BEYOND = "slower than allowed"
    WITHIN = "not slower than allowed"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One run's median. `block` names a pass over all variants on `device`, unique among its studies."""

    variant: str
    device: str
    block: Hashable
    median_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A against B: `ratio` is A's latency over B's, below 1 where A is faster; `units` are common blocks or
    boards.

    `low` and `high` bound the ratio at 95 %, for this pair alone; `p` is corrected for all pairs of the
    group. `detectable` is the smallest ratio above 1 that four in five such experiments would tell apart, a
    thousand where it is that or more;
    `cv` is the scatter of a unit's figure that the pair's differences imply. What two common units are
    needed for is None below them.
    """

    a: str
    b: str
    answer: Answer
    unit: Unit
    units: int
    margin: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    detectable: float | None = None
    cv: float | None = None

    def limit(self, allowed: float) -> Limit:
        """Whether A takes more than 1 + `allowed` times as long as B, by the 95 % interval of the ratio."""
        if self.low is None or self.high is None:
            return Limit.CANNOT_TELL
        if self.low > 1 + allowed:
            return Limit.BEYOND
        return Limit.WITHIN if self.high <= 1 + allowed else Limit.CANNOT_TELL

    def units_needed(self) -> int | None:
        """How many units would probably settle it, if the ratio and the scatter are what they look like.

        None where that is more than a thousand, or where nothing is known of the scatter.
        """
        if self.ratio is None or self.cv is None:
            return None
        if abs(math.log(self.ratio)) > math.log1p(self.margin):
            return blocks_needed(self.cv, self.ratio, 2, self.margin)
        return blocks_for_equivalence(self.cv, self.ratio, self.margin)

    def turned(self) -> "Comparison":
        """B against A."""
        answers = {Answer.FASTER: Answer.SLOWER, Answer.SLOWER: Answer.FASTER}
        return Comparison(
            a=self.b,
            b=self.a,
            answer=answers.get(self.answer, self.answer),
            unit=self.unit,
            units=self.units,
            margin=self.margin,
            ratio=_inverse(self.ratio),
            low=_inverse(self.high),
            high=_inverse(self.low),
            p=self.p,
            detectable=self.detectable,
            cv=self.cv,
        )


def compare(observations: Sequence[Observation], a: str, b: str, margin: float = MARGIN) -> Comparison:
    """A against B alone, uncorrected for other pairs."""
    own = [observation for observation in observations if observation.variant in (a, b)]
    return _compare_pairs(own, (a, b), margin)[a, b]


def compare_all(observations: Sequence[Observation], margin: float = MARGIN) -> dict[tuple[str, str], Comparison]:
    """Every ordered pair of a group's variants, corrected together; margin 0.02 is 2 %, 0 is allowed."""
    variants = list(dict.fromkeys(observation.variant for observation in observations))
    return _compare_pairs(observations, variants, margin)


def _compare_pairs(
    observations: Sequence[Observation], variants: Sequence[str], margin: float
) -> dict[tuple[str, str], Comparison]:
    if not 0 <= margin < 1:
        raise ValueError(f"margin: expected 0..1, got {margin}")
    pairs = make_pairs(_log_medians(observations), variants)
    usable = [pair for pair in pairs if pair.is_usable]
    limit = math.log1p(margin)
    corrected = dict(zip(usable, holm([pair.p_beyond(limit) for pair in usable]), strict=True))
    found = [_comparison(pair, corrected.get(pair), margin, len(usable)) for pair in pairs]
    return {(each.a, each.b): each for one in found for each in (one, one.turned())}


def _log_medians(observations: Sequence[Observation]) -> dict[str, dict[Place, float]]:
    """Log medians by variant and (device, block)."""
    logs: dict[str, dict[Place, float]] = {}
    for each in observations:
        logs.setdefault(each.variant, {})[each.device, each.block] = math.log(each.median_ns)
    return logs


def _comparison(pair: Pair, p: float | None, margin: float, pairs: int) -> Comparison:
    ratio = math.exp(pair.mean) if pair.units else None
    if p is None:
        return Comparison(
            a=pair.a,
            b=pair.b,
            answer=Answer.CANNOT_TELL,
            unit=pair.unit,
            units=pair.units,
            margin=margin,
            ratio=ratio,
        )
    half = pair.quantile(1 - LEVEL / 2) * pair.error
    reach = noncentrality(pair.freedom, LEVEL / pairs) * pair.error
    return Comparison(
        a=pair.a,
        b=pair.b,
        answer=answer_of(pair.effect, p, math.log1p(margin)),
        unit=pair.unit,
        units=pair.units,
        margin=margin,
        ratio=ratio,
        low=math.exp(pair.mean - half),
        high=math.exp(pair.mean + half),
        p=p,
        detectable=detectable_ratio(margin, reach),
        cv=math.sqrt(pair.variance / 2),
    )


def detectable_ratio(margin: float, reach: float) -> float:
    """The smallest ratio that is told: `reach` (of logarithms) beyond the margin, `LARGEST_DETECTABLE` at most."""
    return math.exp(min(math.log1p(margin) + reach, math.log(LARGEST_DETECTABLE)))


def answer_of(effect: Effect, p: float, limit: float) -> Answer:
    """The words for a difference of logarithms: `p` is that of `limit`, corrected where there are several questions."""
    if p < LEVEL:
        return Answer.FASTER if effect.mean < 0 else Answer.SLOWER
    return Answer.EQUIVALENT if effect.p_within(limit) < LEVEL else Answer.CANNOT_TELL


def holm(ps: Sequence[float]) -> list[float]:
    """The adjusted p of each (Holm)."""
    adjusted, running = [1.0] * len(ps), 0.0
    for step, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        running = max(running, min(1.0, (len(ps) - step) * ps[index]))
        adjusted[index] = running
    return adjusted


def _inverse(ratio: float | None) -> float | None:
    return None if ratio is None else 1 / ratio
