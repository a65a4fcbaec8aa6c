"""Whether one variant differs between two values of a label, such as ``cooling=bare`` and ``cooling=fan``. Pure.

Nobody drew lots for the boards, so a difference belongs to the label only as far as nothing else differs with it. A
board is what is replicated: its runs give one figure, their median. The design is the first of these that there is
data for, and the answer says which:

- paired: `LEAST_BOARDS` boards or more were measured under both values, at different times; Student's t over boards;
- between: `LEAST_BESIDE` boards or more under either value alone; Welch's t (Biometrika 34, 1947) between the two;
- within: one or two boards under both; their runs are the units, with the scatter within a board and value pooled. It
  holds for these boards alone;
- confounded: a board and its label cannot be told apart. The difference is described, and nothing is concluded.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.comparison import LEVEL, MARGIN, Answer, answer_of, detectable_ratio, holm
from orchestrator.analysis.effect import Effect
from orchestrator.analysis.latency import t_interval
from orchestrator.analysis.pairing import LEAST_BOARDS
from orchestrator.analysis.power import blocks_for_equivalence, blocks_needed, noncentrality
from orchestrator.analysis.thermal.survival import Survival, survival_of

LEAST_BESIDE = 2
ByBoard = Mapping[str, Sequence[float]]
"""A figure of each run, by board."""


class Design(enum.Enum):
    """How two values of a label were set beside each other."""

    PAIRED = "the same boards under both"
    BETWEEN = "some boards beside others"
    WITHIN = "runs of the same boards under both"
    CONFOUNDED = "board and label cannot be told apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The difference of A less B by a design; `boards_a` and `boards_b` are those that it is made of.

    `effect` is None where nothing is known of its error. `scatter` is the standard deviation of a unit, on one side.
    """

    design: Design
    boards_a: tuple[str, ...]
    boards_b: tuple[str, ...]
    units: int
    difference: float
    effect: Effect | None
    scatter: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference."""
        return None if self.effect is None else self.effect.interval()


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelComparison:
    """One value of the label against the baseline, by latency: `ratio` below 1 is faster.

    `low` and `high` bound it at 95 % for this pair alone; `p` is corrected (Holm) for all values of the label.
    `detectable` is the smallest ratio above 1 that four in five such experiments would tell; `needed` how many boards
    (or, within boards, runs) with each value would probably settle it. What is not known is None.
    """

    level: str
    baseline: str
    answer: Answer
    margin: float
    contrast: Contrast
    ratio: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    detectable: float | None = None
    needed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBoards:
    """The mean of a figure over boards, its 95 % interval (None below two boards), and what each board gives."""

    center: float
    interval: tuple[float, float] | None
    by_board: Mapping[str, float]


def contrast(a: ByBoard, b: ByBoard) -> Contrast:
    """The difference of the means over boards, A less B; both have a board, and each of their boards a run."""
    both = sorted(a.keys() & b.keys())
    only_a, only_b = sorted(a.keys() - b.keys()), sorted(b.keys() - a.keys())
    if len(both) >= LEAST_BOARDS:
        return _paired(a, b, both)
    if min(len(only_a), len(only_b)) >= LEAST_BESIDE:
        return _between(a, b, only_a, only_b)
    if both:
        return _within(a, b, both)
    difference = _mean([_figure(a[board]) for board in only_a]) - _mean([_figure(b[board]) for board in only_b])
    return Contrast(
        design=Design.CONFOUNDED,
        boards_a=tuple(only_a),
        boards_b=tuple(only_b),
        units=0,
        difference=difference,
        effect=None,
        scatter=None,
    )


def compare_levels(
    latencies_ns: Mapping[str, ByBoard], baseline: str, margin: float = MARGIN
) -> tuple[LevelComparison, ...]:
    """Each value of the label against the baseline, in order of their names; latencies by value and board."""
    logs = {level: {board: np.log(own).tolist() for board, own in by.items()} for level, by in latencies_ns.items()}
    levels = sorted(level for level in logs if level != baseline)
    found = {level: contrast(logs[level], logs[baseline]) for level in levels}
    effects = {level: own.effect for level, own in found.items() if own.effect is not None}
    limit = math.log1p(margin)
    corrected = dict(zip(effects, holm([effect.p_beyond(limit) for effect in effects.values()]), strict=True))
    return tuple(
        _compared(level, baseline, found[level], corrected.get(level), margin, len(effects)) for level in levels
    )


def over_boards(figures: ByBoard, *, is_ratio: bool = False) -> OverBoards:
    """What boards give, each by the median of its runs; on logarithms where ratios matter (`is_ratio`)."""
    values = {board: _figure(np.log(own) if is_ratio else own) for board, own in figures.items()}
    back = math.exp if is_ratio else float
    center, interval = _mean(list(values.values())), None
    if len(values) > 1:
        half = t_interval(np.array(list(values.values())), 0.95)[1]
        interval = back(center - half), back(center + half)
    return OverBoards(
        center=back(center), interval=interval, by_board={board: back(value) for board, value in values.items()}
    )


def onset_of_boards(onsets: Mapping[str, Sequence[tuple[float, bool]]]) -> Survival:
    """When boards throttle, each counted once: when half of its soaks had, else as long as it was watched in vain.

    A soak is its onset in seconds and True, or how long it was watched and False. Between values of a label no test is
    made: with a handful of boards the bands say what is known.
    """
    boards = [survival_of(own) for own in onsets.values()]
    return survival_of([(each.watched_s, False) if each.median_s is None else (each.median_s, True) for each in boards])


def goes_with(
    a: Sequence[Mapping[str, str]], b: Sequence[Mapping[str, str]], factor: str
) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Other labels that no run of A shares with one of B, so that a difference may as well be theirs: their values in
    A and in B, an absent one empty."""
    names = sorted({name for labels in (*a, *b) for name in labels} - {factor})
    values = {name: tuple(frozenset(labels.get(name, "") for labels in side) for side in (a, b)) for name in names}
    return {
        name: (tuple(sorted(one)), tuple(sorted(other))) for name, (one, other) in values.items() if not one & other
    }


def _paired(a: ByBoard, b: ByBoard, boards: Sequence[str]) -> Contrast:
    differences = np.array([_figure(a[board]) - _figure(b[board]) for board in boards])
    deviation = float(differences.std(ddof=1))
    return Contrast(
        design=Design.PAIRED,
        boards_a=tuple(boards),
        boards_b=tuple(boards),
        units=len(boards),
        difference=float(differences.mean()),
        effect=Effect(
            mean=float(differences.mean()), error=deviation / math.sqrt(len(boards)), freedom=len(boards) - 1
        ),
        scatter=deviation / math.sqrt(2),
    )


def _between(a: ByBoard, b: ByBoard, only_a: Sequence[str], only_b: Sequence[str]) -> Contrast:
    sides = [np.array([_figure(own[board]) for board in names]) for own, names in ((a, only_a), (b, only_b))]
    variances = [float(side.var(ddof=1)) for side in sides]
    squares = [variance / len(side) for variance, side in zip(variances, sides, strict=True)]
    parts = sum(square**2 / (len(side) - 1) for square, side in zip(squares, sides, strict=True))
    freedom = sum(squares) ** 2 / parts if parts else float(len(only_a) + len(only_b) - 2)
    difference = float(sides[0].mean() - sides[1].mean())
    return Contrast(
        design=Design.BETWEEN,
        boards_a=tuple(only_a),
        boards_b=tuple(only_b),
        units=len(only_a) + len(only_b),
        difference=difference,
        effect=Effect(mean=difference, error=math.sqrt(sum(squares)), freedom=freedom),
        scatter=math.sqrt(sum(variances) / 2),
    )


def _within(a: ByBoard, b: ByBoard, boards: Sequence[str]) -> Contrast:
    cells = [(np.asarray(a[board]), np.asarray(b[board])) for board in boards]
    freedom = sum(len(one) + len(other) - 2 for one, other in cells)
    difference = _mean([float(one.mean() - other.mean()) for one, other in cells])
    squares = sum(float(side.var()) * len(side) for cell in cells for side in cell)
    weight = sum(1 / len(one) + 1 / len(other) for one, other in cells) / len(cells) ** 2
    variance = squares / freedom if freedom else math.nan
    return Contrast(
        design=Design.WITHIN,
        boards_a=tuple(boards),
        boards_b=tuple(boards),
        units=freedom + 2 * len(cells),
        difference=difference,
        effect=Effect(mean=difference, error=math.sqrt(variance * weight), freedom=freedom) if freedom else None,
        scatter=math.sqrt(variance) if freedom else None,
    )


def _compared(
    level: str, baseline: str, found: Contrast, p: float | None, margin: float, questions: int
) -> LevelComparison:
    ratio, effect, interval = math.exp(found.difference), found.effect, found.interval
    if p is None or effect is None or interval is None:
        return LevelComparison(
            level=level, baseline=baseline, answer=Answer.CANNOT_TELL, margin=margin, contrast=found, ratio=ratio
        )
    reach = noncentrality(effect.freedom, LEVEL / questions) * effect.error
    return LevelComparison(
        level=level,
        baseline=baseline,
        answer=answer_of(effect, p, math.log1p(margin)),
        margin=margin,
        contrast=found,
        ratio=ratio,
        low=math.exp(interval[0]),
        high=math.exp(interval[1]),
        p=p,
        detectable=detectable_ratio(margin, reach),
        needed=_needed(found.scatter or 0.0, ratio, margin),
    )


def _needed(scatter: float, ratio: float, margin: float) -> int | None:
    """Units with each value; the plan for pairs, whose degrees of freedom are half as many, is rather too careful."""
    if scatter <= 0:
        return None
    if abs(math.log(ratio)) > math.log1p(margin):
        return blocks_needed(scatter, ratio, 2, margin)
    return blocks_for_equivalence(scatter, ratio, margin)


def _figure(runs: Sequence[float] | npt.NDArray[np.float64]) -> float:
    return float(np.median(np.asarray(runs)))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(np.asarray(values)))
