"""What the lines say: the spread of ten repeats, the worst distance from the truth, who met the disturbance.

All in percent, and the worst of all seeds and of both models. A value is corrected by how the quiet reference model
moved between the truth and the measurement; a ratio needs no correction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.figure import Estimate, Figure, Target
from benchmarks.repeatability.loads import Load
from benchmarks.repeatability.methods import PEERS, Method
from benchmarks.repeatability.session import Line

OUR_LIMIT = 3.0
AGAINST_BEST_PEER_QUIET = 1.2
AGAINST_BEST_PEER_RATIO = 0.5
MEANS = "pifarm, means for medians"
ONE, RATIO = "one model", "ratio of two"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One measurement against the truth: what it gave over what it should have given, and what it met."""

    seed: int
    quotients: dict[str, float]
    disturbed_s: float
    wall_s: float

    @property
    def met_it(self) -> bool:
        """Whether it timed inferences while something burnt."""
        return self.disturbed_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One method under one load, of one model or of the ratio."""

    spread: float
    worst: float
    repeats: int


def judge(lines: Sequence[Line]) -> list[Figure]:
    """The table: for each load and figure ours beside the best peer, then every method."""
    sessions = [line for line in lines if line["kind"] == "session"]
    measured = [line for line in lines if line["kind"] == "measured" and "failed" not in line]
    figures: list[Figure] = []
    for load in Load:
        names = [*(method.value for method in Method), MEANS]
        repeats = {name: _repeats(name, load, measured, sessions) for name in names}
        met = {name: own for name, own in repeats.items() if own}
        if Method.PIFARM.value in met:
            figures += _figures(load, met)
    failed = sum("failed" in line for line in lines)
    return [*figures, Figure(what="measurements that failed", unit="", ours=Estimate(center=failed))]


def score(repeats: Sequence[Repeat], what: str) -> Score:
    """The widest spread of a seed's repeats and the worst distance from the truth, in percent."""
    names = ("a", "b") if what == ONE else ("ratio",)
    by_seed: dict[tuple[str, int], list[float]] = {}
    for name in names:
        for repeat in repeats:
            by_seed.setdefault((name, repeat.seed), []).append(repeat.quotients[name])
    spreads = [(max(values) - min(values)) / float(np.median(values)) for values in by_seed.values()]
    worst = max(abs(value - 1) for values in by_seed.values() for value in values)
    return Score(spread=100 * max(spreads), worst=100 * worst, repeats=len(repeats))


def targets(load: Load, what: str, best_spread: float | None) -> tuple[Target, ...]:
    """What was promised of our spread: <= 3 %; quiet, of one model, not above the best peer's by a fifth; the ratio's
    under load at most half of the best peer's.
    """
    against = [Target(at_most=OUR_LIMIT)]
    if best_spread is not None and load is Load.NONE:
        against.append(Target(at_most=AGAINST_BEST_PEER_QUIET * best_spread))
    if best_spread is not None and load is not Load.NONE and what == RATIO:
        against.append(Target(at_most=AGAINST_BEST_PEER_RATIO * best_spread))
    return tuple(against)


def _figures(load: Load, repeats: dict[str, list[Repeat]]) -> Iterator[Figure]:
    for what in (ONE, RATIO):
        scores = {name: score(own, what) for name, own in repeats.items()}
        peers = [scores[method.value] for method in PEERS if method.value in scores]
        spread = min((each.spread for each in peers), default=None)
        worst = min((each.worst for each in peers), default=None)
        ours = scores[Method.PIFARM.value]
        for quality, value, best, promised in (
            ("spread", ours.spread, spread, targets(load, what, spread)),
            ("worst off the truth", ours.worst, worst, (Target(at_most=OUR_LIMIT),)),
        ):
            yield Figure(
                what=f"load {load.value}: {what}, {quality} (reference: best peer)",
                unit="%",
                ours=Estimate(center=value, count=ours.repeats),
                reference=None if best is None else Estimate(center=best),
                targets=promised,
            )
        yield from _details(what, repeats, scores)


def _details(what: str, repeats: dict[str, list[Repeat]], scores: dict[str, Score]) -> Iterator[Figure]:
    """Every method: spread where ours stands, worst distance where the reference stands."""
    for name, own in repeats.items():
        met, wall_s = sum(repeat.met_it for repeat in own), float(np.mean([repeat.wall_s for repeat in own]))
        yield Figure(
            what=f"    {what}, {name}: spread, worst; {met} of {len(own)} met the disturbance, {wall_s:.0f} s each",
            unit="%",
            ours=Estimate(center=scores[name].spread, count=len(own)),
            reference=Estimate(center=scores[name].worst),
        )


def _repeats(name: str, load: Load, lines: Sequence[Line], sessions: Sequence[Line]) -> list[Repeat]:
    method = Method.PIFARM if name == MEANS else Method(name)
    own = [line for line in lines if (line["load"], line["method"]) == (load.value, method.value)]
    read = _means if name == MEANS else _values
    return [_repeat(line, sessions[line["session"]]["truth"], method, read) for line in own]


def _repeat(line: Line, truth: Line, method: Method, read: Callable[[Line], tuple[float, float, float]]) -> Repeat:
    a_ns, b_ns, ratio = read(line)
    true_a_ns, true_b_ns = truth[f"a{method.threads}"], truth[f"b{method.threads}"]
    drift = line["reference_ns"] / truth["reference"]
    return Repeat(
        seed=line["seed"],
        quotients={
            "a": a_ns / true_a_ns / drift,
            "b": b_ns / true_b_ns / drift,
            "ratio": ratio / (true_a_ns / true_b_ns),
        },
        disturbed_s=line["disturbed_s"],
        wall_s=line["wall_s"],
    )


def _values(line: Line) -> tuple[float, float, float]:
    return line["a_ns"], line["b_ns"], line["ratio"]


def _means(line: Line) -> tuple[float, float, float]:
    return line["means_a_ns"], line["means_b_ns"], line["means_a_ns"] / line["means_b_ns"]
