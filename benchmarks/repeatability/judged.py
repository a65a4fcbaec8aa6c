"""What the lines say: the spread of ten repeats, the worst distance from the truth, who met the disturbance.

All in percent, and the worst of all seeds and of both models. What is judged is adjusted by what the reference took on
the same core meanwhile, because a machine may change its speed by itself: an analysis of covariance, whose slope is
that of the quiet rounds of all sessions. The same as the clock read it stands below.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.figure import Estimate, Figure, Target
from benchmarks.repeatability.loads import Load
from benchmarks.repeatability.methods import PEERS, A, B, Method
from benchmarks.repeatability.session import Line
from orchestrator.analysis.latency import geometric_mean

OUR_LIMIT = 3.0
AGAINST_BEST_PEER_QUIET = 1.2
AGAINST_BEST_PEER_RATIO = 0.5
MEANS = "pifarm, means for medians"
ONE, RATIO = "one model", "ratio of two"
AS_READ = ", as the clock read it"
WHAT = {
    ONE: ("a", "b"),
    RATIO: ("ratio",),
    ONE + AS_READ: ("a read", "b read"),
    RATIO + AS_READ: ("ratio read",),
}


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
class Truth:
    """A quiet model in one session: the middle of its rounds, as read and adjusted to the reference's middle, and by
    which power of the reference it goes: 0 where the reference tells nothing of it, 1 where both change alike.
    """

    read_ns: float
    adjusted_ns: float
    reference_ns: float
    slope: float

    def at(self, reference_ns: float) -> float:
        """What it would have taken when the reference took so long, nanoseconds."""
        return self.adjusted_ns * math.pow(reference_ns / self.reference_ns, self.slope)


Truths = Mapping[tuple[int, str, int], Truth]  # by session, model and number of threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One method under one load, of one model or of the ratio."""

    spread: float
    worst: float
    repeats: int


def judge(lines: Sequence[Line]) -> list[Figure]:
    """The table: for each load and figure ours beside the best peer, then every method."""
    rounds = [line for line in lines if line["kind"] == "truth"]
    truths = read_truths(rounds)
    measured = [line for line in lines if line["kind"] == "measured" and "failed" not in line]
    figures: list[Figure] = []
    for load in Load:
        names = [*(method.value for method in Method), MEANS]
        repeats = {name: _repeats(name, load, measured, truths) for name in names}
        met = {name: own for name, own in repeats.items() if own}
        if Method.PIFARM.value in met:
            figures += _figures(load, met)
    failed = sum("failed" in line for line in lines)
    failures = Figure(what="measurements that failed", unit="", ours=Estimate(center=failed))
    return [*figures, *_machine(rounds, truths), failures]


def score(repeats: Sequence[Repeat], what: str) -> Score:
    """The widest spread of a seed's repeats and the worst distance from the truth, in percent."""
    by_seed: dict[tuple[str, int], list[float]] = {}
    for name in WHAT[what]:
        for repeat in repeats:
            by_seed.setdefault((name, repeat.seed), []).append(repeat.quotients[name])
    spreads = [(max(values) - min(values)) / float(np.median(values)) for values in by_seed.values()]
    worst = max(abs(value - 1) for values in by_seed.values() for value in values)
    return Score(spread=100 * max(spreads), worst=100 * worst, repeats=len(repeats))


def targets(load: Load, what: str, best_spread: float | None) -> tuple[Target, ...]:
    """What was promised of our spread: <= 3 %; quiet, of one model, not above the best peer's by a fifth; the ratio's
    under load at most half of the best peer's. Nothing of what a clock reads on a machine that changes its speed.
    """
    if what.endswith(AS_READ):
        return ()
    against = [Target(at_most=OUR_LIMIT)]
    if best_spread is not None and load is Load.NONE:
        against.append(Target(at_most=AGAINST_BEST_PEER_QUIET * best_spread))
    if best_spread is not None and load is not Load.NONE and what == RATIO:
        against.append(Target(at_most=AGAINST_BEST_PEER_RATIO * best_spread))
    return tuple(against)


def _figures(load: Load, repeats: dict[str, list[Repeat]]) -> Iterator[Figure]:
    for what in WHAT:
        scores = {name: score(own, what) for name, own in repeats.items()}
        peers = [scores[method.value] for method in PEERS if method.value in scores]
        spread = min((each.spread for each in peers), default=None)
        worst = min((each.worst for each in peers), default=None)
        ours = scores[Method.PIFARM.value]
        for quality, value, best, promised in (
            ("spread", ours.spread, spread, targets(load, what, spread)),
            ("worst off the truth", ours.worst, worst, targets(load, what, None)),
        ):
            yield Figure(
                what=f"load {load.value}: {what}, {quality} (reference: best peer)",
                unit="%",
                ours=Estimate(center=value, count=ours.repeats),
                reference=None if best is None else Estimate(center=best),
                targets=promised,
            )
        yield from _details(what, repeats, scores)


def _machine(rounds: Sequence[Line], truths: Truths) -> Iterator[Figure]:
    """How far the truth's own rounds lie apart, which nothing disturbed but the machine."""
    for threads in sorted({threads for _, _, threads in truths}):
        adjusted, read = [], []
        for line in rounds:
            for part in (part for part in line["parts"] if part["threads"] == threads):
                truth = truths[line["session"], part["model"], threads]
                adjusted.append(math.log(part["value_ns"] / truth.at(part["reference_ns"])))
                read.append(math.log(part["value_ns"] / truth.read_ns))
        yield Figure(
            what=f"the machine: quiet rounds, threads {threads}, standard deviation (reference: as the clock read it)",
            unit="%",
            ours=Estimate(center=100 * float(np.std(adjusted)), count=len(adjusted)),
            reference=Estimate(center=100 * float(np.std(read))),
        )


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


def read_truths(rounds: Sequence[Line]) -> Truths:
    """Medians over the rounds of a session; at a number of threads all sessions and both models share a slope."""
    found: dict[tuple[int, str, int], list[Line]] = {}
    for line in rounds:
        for part in line["parts"]:
            found.setdefault((line["session"], part["model"], part["threads"]), []).append(part)
    middles = {key: (_median(parts, "value_ns"), _median(parts, "reference_ns")) for key, parts in found.items()}
    moves: dict[int, list[tuple[float, float]]] = {}
    for (session, model, threads), parts in found.items():
        value_ns, reference_ns = middles[session, model, threads]
        moves.setdefault(threads, []).extend(
            (math.log(part["reference_ns"] / reference_ns), math.log(part["value_ns"] / value_ns)) for part in parts
        )
    return {key: _truth(found[key], *middles[key], find_slope(moves[key[2]])) for key in found}


def _truth(parts: Sequence[Line], read_ns: float, reference_ns: float, slope: float) -> Truth:
    adjusted_ns = [part["value_ns"] * (reference_ns / part["reference_ns"]) ** slope for part in parts]
    return Truth(read_ns=read_ns, adjusted_ns=statistics.median(adjusted_ns), reference_ns=reference_ns, slope=slope)


def find_slope(moves: Sequence[tuple[float, float]]) -> float:
    """How a model moves with the reference, both as logarithms: the slope of Theil and Sen, within 0 to 1."""
    if len({x for x, _ in moves}) < 2:
        return 0.0
    x, y = zip(*moves, strict=True)
    return float(np.clip(stats.theilslopes(y, x).slope, 0.0, 1.0))


def _median(parts: Sequence[Line], field: str) -> float:
    return float(statistics.median(part[field] for part in parts))


def _repeats(name: str, load: Load, lines: Sequence[Line], truths: Truths) -> list[Repeat]:
    method = Method.PIFARM if name == MEANS else Method(name)
    own = [line for line in lines if (line["load"], line["method"]) == (load.value, method.value)]
    field = "mean_ns" if name == MEANS else "value_ns"
    return [_repeat(line, truths, method, field) for line in own]


def _repeat(line: Line, truths: Truths, method: Method, field: str) -> Repeat:
    quotients = {}
    for name in (A, B):
        truth, parts = truths[line["session"], name, method.threads], [p for p in line["parts"] if p["model"] == name]
        quotients[name] = geometric_mean([part[field] / truth.at(part["reference_ns"]) for part in parts])
        quotients[f"{name} read"] = geometric_mean([part[field] / truth.read_ns for part in parts])
    quotients["ratio"] = quotients[A] / quotients[B]
    quotients["ratio read"] = quotients["a read"] / quotients["b read"]
    return Repeat(seed=line["seed"], quotients=quotients, disturbed_s=line["disturbed_s"], wall_s=line["wall_s"])
