"""What the lines say: the spread of ten repeats, the worst distance from the truth, who met the disturbance.

All in percent, and the worst of all seeds and of both models, of the repeats that pifarm and all its peers have: a
spread grows with their number. What is judged is held against the truth of its own moment, because a machine may change
its speed by itself. The same as the clock read it, against the truth of its session, stands below. What was measured in
unsteady sessions is judged alike, apart.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.figure import Estimate, Figure, Target
from benchmarks.repeatability.loads import Load
from benchmarks.repeatability.methods import PEERS, THREADS, A, B, Method
from benchmarks.repeatability.truth import (
    SPREAD_LIMIT,
    STEADY_SCATTER,
    Line,
    Rounds,
    Truths,
    read_rounds,
    read_truths,
    scatter,
    unsteady_sessions,
)
from orchestrator.analysis.latency import geometric_mean

OUR_LIMIT = 100 * SPREAD_LIMIT
SPREAD_OF = 10
AGAINST_BEST_PEER_QUIET = 1.2
AGAINST_BEST_PEER_RATIO = 0.5
MEANS = "pifarm, means for medians"
ONE, RATIO = "one model", "ratio of two"
AS_READ = ", as the clock read it"
UNSTEADY = " on an unsteady machine"
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
    repeat: int
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
    least_of_a_seed: int


def judge(lines: Sequence[Line]) -> list[Figure]:
    """The table: for each load and figure ours beside the best peer, then every method."""
    rounds = read_rounds(lines)
    truths = read_truths(rounds)
    unsteady = unsteady_sessions(rounds)
    measured = [line for line in lines if line["kind"] == "measured" and "failed" not in line]
    figures: list[Figure] = []
    for state in ("", UNSTEADY):
        own = _newest([line for line in measured if (line["session"] in unsteady) == (state == UNSTEADY)])
        for load in Load:
            names = [*(method.value for method in Method), MEANS]
            repeats = {name: _repeats(name, load, own, truths) for name in names}
            equal = _in_common(repeats)
            if Method.PIFARM.value in equal:
                figures += _figures(load, equal, state)
    failed = sum("failed" in line for line in lines)
    failures = Figure(what="measurements that failed", unit="", ours=Estimate(center=failed))
    return [*figures, *_machine(rounds, truths, unsteady), failures]


def score(repeats: Sequence[Repeat], what: str) -> Score:
    """The widest spread of a seed's repeats and the worst distance from the truth, in percent."""
    by_seed: dict[tuple[str, int], list[float]] = {}
    for name in WHAT[what]:
        for repeat in repeats:
            by_seed.setdefault((name, repeat.seed), []).append(repeat.quotients[name])
    spreads = [(max(values) - min(values)) / float(np.median(values)) for values in by_seed.values()]
    worst = max(abs(value - 1) for values in by_seed.values() for value in values)
    least = min(len(values) for values in by_seed.values())
    return Score(spread=100 * max(spreads), worst=100 * worst, repeats=len(repeats), least_of_a_seed=least)


def targets(load: Load, what: str, ours: Score, best_spread: float | None) -> tuple[Target, ...]:
    """What was promised of our spread or worst distance: <= 3 %; of a spread without load not above the best peer's by
    a fifth; of the ratio's under load at most half of it. Nothing of fewer than ten repeats of a seed, nor of what
    a clock reads on a machine that changes its speed.
    """
    if ours.least_of_a_seed < SPREAD_OF or what.endswith(AS_READ):
        return ()
    against = [Target(at_most=OUR_LIMIT)]
    if best_spread is not None and load is Load.NONE:
        against.append(Target(at_most=AGAINST_BEST_PEER_QUIET * best_spread))
    if best_spread is not None and load is not Load.NONE and what == RATIO:
        against.append(Target(at_most=AGAINST_BEST_PEER_RATIO * best_spread))
    return tuple(against)


def _newest(lines: Sequence[Line]) -> list[Line]:
    """The last line of each measurement: what is measured again takes the place of what was."""
    return list({(line["seed"], line["repeat"], line["load"], line["method"]): line for line in lines}.values())


def _in_common(repeats: dict[str, list[Repeat]]) -> dict[str, list[Repeat]]:
    """Of each method that was measured, the repeats that pifarm and all of the peers that were measured have too."""
    judged = [repeats[method.value] for method in (Method.PIFARM, *PEERS) if repeats[method.value]]
    common = set.intersection(*({(each.seed, each.repeat) for each in own} for own in judged)) if judged else set()
    equal = {name: [each for each in own if (each.seed, each.repeat) in common] for name, own in repeats.items()}
    return {name: own for name, own in equal.items() if own}


def _figures(load: Load, repeats: dict[str, list[Repeat]], state: str) -> Iterator[Figure]:
    for what in WHAT:
        scores = {name: score(own, what) for name, own in repeats.items()}
        peers = [scores[method.value] for method in PEERS if method.value in scores]
        spread = min((each.spread for each in peers), default=None)
        worst = min((each.worst for each in peers), default=None)
        ours = scores[Method.PIFARM.value]
        for quality, value, best, promised in (
            ("spread", ours.spread, spread, targets(load, what, ours, spread)),
            ("worst off the truth", ours.worst, worst, targets(load, what, ours, None)),
        ):
            yield Figure(
                what=f"load {load.value}{state}: {what}, {quality} (reference: best peer)",
                unit="%",
                ours=Estimate(center=value, count=ours.repeats),
                reference=None if best is None else Estimate(center=best),
                targets=promised,
            )
        yield from _details(what, repeats, scores)


def _machine(rounds: Rounds, truths: Truths, unsteady: Collection[int]) -> Iterator[Figure]:
    """How far neighbouring rounds of the truth lie apart in each session, which nothing disturbed but the machine."""
    for (session, threads), parts in sorted(rounds.items()):
        truth = truths[session, threads]
        own = scatter(parts, truth)
        read = [math.log(part["value_ns"] / truth.read_ns(part)) for part in parts]
        state = f", unsteady (above {100 * STEADY_SCATTER:.2f})" if session in unsteady and threads == THREADS else ""
        if own is not None:
            yield Figure(
                what=f"the machine: session {session}, quiet rounds, threads {threads}, standard deviation between "
                f"neighbours, slope {truth.slope:.2f}{state} (reference: of all, as the clock read it)",
                unit="%",
                ours=Estimate(center=100 * own, count=len(truth.apart(parts))),
                reference=Estimate(center=100 * float(np.std(read)), count=len(read)),
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


def _repeats(name: str, load: Load, lines: Sequence[Line], truths: Truths) -> list[Repeat]:
    method = Method.PIFARM if name == MEANS else Method(name)
    own = [line for line in lines if (line["load"], line["method"]) == (load.value, method.value)]
    field = "mean_ns" if name == MEANS else "value_ns"
    return [_repeat(line, truths, method, field) for line in own]


def _repeat(line: Line, truths: Truths, method: Method, field: str) -> Repeat:
    quotients = {}
    for name in (A, B):
        truth, parts = truths[line["session"], method.threads], [p for p in line["parts"] if p["model"] == name]
        quotients[name] = geometric_mean([part[field] / truth.at(part) for part in parts])
        quotients[f"{name} read"] = geometric_mean([part[field] / truth.read_ns(part) for part in parts])
    quotients["ratio"] = quotients[A] / quotients[B]
    quotients["ratio read"] = quotients["a read"] / quotients["b read"]
    return Repeat(
        seed=line["seed"],
        repeat=line["repeat"],
        quotients=quotients,
        disturbed_s=line["disturbed_s"],
        wall_s=line["wall_s"],
    )
