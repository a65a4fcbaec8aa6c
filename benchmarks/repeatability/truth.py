"""What a quiet model would have taken at any moment, on a machine that changes its speed by itself.

Within seconds a model moves with the reference beside it, by a power below 1 (the slope): an analysis of covariance.
Over minutes it also changes without the reference, alike for both models: that is the level of the nearest
rounds of the truth. What one model takes beside the other is told by the whole session.
"""

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.repeatability.methods import THREADS

NEAREST = 12  # parts: both models in six rounds
SPREAD_LIMIT = 0.03  # promised of ten repeats, (max - min) / median
RANGE_OF_TEN = 3.078  # expected range of ten normal values, standard deviations (d2 of control charts, n = 10)
STEADY_SCATTER = SPREAD_LIMIT / RANGE_OF_TEN
Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The median of a model's rounds, as the clock read it and adjusted to the reference's median."""

    read_ns: float
    adjusted_ns: float
    reference_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The quiet models of one session at one number of threads.

    `slope` is 0 where the reference tells nothing of them and 1 where both change alike; `levels` says for each part
    of a round when it was, in monotonic seconds, and by what logarithm it was slower than the middle.
    """

    slope: float
    middles: Mapping[str, Middle]
    levels: Sequence[tuple[float, float]]

    def at(self, part: Line) -> float:
        """What a part's model would have taken undisturbed while it was timed, nanoseconds."""
        at_s = statistics.mean(part["timed"])
        nearest = sorted(self.levels, key=lambda level: abs(level[0] - at_s))[:NEAREST]
        level = statistics.median(level for _, level in nearest)
        return math.exp(level) * _adjusted_ns(self.middles[part["model"]], self.slope, part)

    def read_ns(self, part: Line) -> float:
        """What a part's model took in this session, as the clock read it."""
        return self.middles[part["model"]].read_ns

    def apart(self, parts: Sequence[Line]) -> list[float]:
        """By what logarithm each part of the rounds was slower than the same model in the round before, adjusted."""
        return [
            math.log(after["value_ns"] / before["value_ns"])
            - self.slope * math.log(after["reference_ns"] / before["reference_ns"])
            for before, after in _neighbours(parts)
        ]


Rounds = Mapping[tuple[int, int], Sequence[Line]]  # parts by session and number of threads, as they were measured
Truths = Mapping[tuple[int, int], Truth]


def read_rounds(lines: Sequence[Line]) -> Rounds:
    """The parts of all rounds of the truth."""
    found: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        for part in line["parts"] if line["kind"] == "truth" else ():
            found.setdefault((line["session"], part["threads"]), []).append(part)
    return found


def read_truths(rounds: Rounds) -> Truths:
    """The truth of each session and number of threads; those with as many threads share a slope."""
    moves: dict[int, list[tuple[float, float]]] = {}
    for (_, threads), parts in rounds.items():
        moves.setdefault(threads, []).extend(
            (
                math.log(after["reference_ns"] / before["reference_ns"]),
                math.log(after["value_ns"] / before["value_ns"]),
            )
            for before, after in _neighbours(parts)
        )
    slopes = {threads: find_slope(own) for threads, own in moves.items()}
    return {key: _truth(parts, slopes[key[1]]) for key, parts in rounds.items()}


def scatter(parts: Sequence[Line], truth: Truth) -> float | None:
    """How far a session's rounds lie apart that nothing disturbed but the machine: the standard deviation of a round's
    logarithm, from neighbours; None of a single round.
    """
    apart = truth.apart(parts)
    return math.sqrt(statistics.mean(step**2 for step in apart) / 2) if apart else None


def unsteady_sessions(rounds: Rounds) -> frozenset[int]:
    """Sessions on a machine whose own noise spreads ten quiet rounds by more than is promised of ten results: a method
    that misses the promise there may be without blame. No method's results are asked.
    """
    truths = read_truths(rounds)
    scatters = {session: scatter(parts, truths[session, n]) for (session, n), parts in rounds.items() if n == THREADS}
    return frozenset(session for session, each in scatters.items() if each is not None and each > STEADY_SCATTER)


def find_slope(moves: Sequence[tuple[float, float]]) -> float:
    """How a model moves with the reference, both as logarithms: the slope of Theil and Sen, within 0 to 1."""
    if len({x for x, _ in moves}) < 2:
        return 0.0
    x, y = zip(*moves, strict=True)
    return float(np.clip(stats.theilslopes(y, x).slope, 0.0, 1.0))


def _truth(parts: Sequence[Line], slope: float) -> Truth:
    middles = {}
    for model, own in _by_model(parts).items():
        reference_ns = statistics.median(part["reference_ns"] for part in own)
        adjusted_ns = [part["value_ns"] * (reference_ns / part["reference_ns"]) ** slope for part in own]
        middles[model] = Middle(
            read_ns=statistics.median(part["value_ns"] for part in own),
            adjusted_ns=statistics.median(adjusted_ns),
            reference_ns=reference_ns,
        )
    levels = [
        (statistics.mean(part["timed"]), math.log(part["value_ns"] / _adjusted_ns(middles[part["model"]], slope, part)))
        for part in parts
    ]
    return Truth(slope=slope, middles=middles, levels=levels)


def _adjusted_ns(middle: Middle, slope: float, part: Line) -> float:
    return middle.adjusted_ns * float((part["reference_ns"] / middle.reference_ns) ** slope)


def _neighbours(parts: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    for own in _by_model(parts).values():
        yield from itertools.pairwise(own)


def _by_model(parts: Sequence[Line]) -> Mapping[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for part in parts:
        found.setdefault(part["model"], []).append(part)
    return found
