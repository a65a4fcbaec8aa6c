"""What searches on simulated boards come to, beside the highest rate that each board really holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figure import Estimate, Figure, Target, median_of, share_of
from benchmarks.pace_truth.steps import cool_rate, paced_run, true_rate
from benchmarks.thermal_truth.judged import predictor_of
from benchmarks.thermal_truth.soaks import KINDS, Plan, simulate, specimen
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rate_search import BELOW_SPEED, Next, Search, Step, Stop, bracket_of, next_step
from orchestrator.analysis.thermal import predicting
from orchestrator.analysis.thermal.curve import soak_of
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.step import step_of
from orchestrator.simulator.boards import BoardKind

LATENCIES_S = (0.05, 0.2, 1.0)
OTHER_ROOM_C = 30.0
START_BELOW_C = 2.0
PROMISED = (Target(at_least=0.95),)
ALL = (Target(at_least=1.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A search that has ended: its steps, what the board really holds, and the rate foretold for another room."""

    kind: BoardKind
    latency_s: float
    steps: tuple[Step, ...]
    stop: Stop
    other_room: tuple[float, float, float] | None

    @property
    def held(self) -> float | None:
        """The rate that was found."""
        return bracket_of(self.steps).low

    @property
    def error(self) -> float | None:
        """The rate that was found over the true one, minus 1."""
        return None if self.held is None else self.held / true_rate(self.kind, self.latency_s) - 1

    @property
    def is_for_ever(self) -> bool:
        """Whether the search says that the rate is held for ever."""
        return any(step.found.is_for_ever for step in self.steps if step.found and step.rate_per_s == self.held)


def search_on(kind: BoardKind, search: Search, latency_s: float, start_per_s: float, seed: int) -> Sought:
    """Steps on a simulated board until the rule says that it is enough."""
    steps: list[Step] = []
    following: Next | Stop = Next(rate_per_s=start_per_s, is_long=False, why="begins")
    held: dict[float, RunFacts] = {}
    while isinstance(following, Next):
        length_s = search.long_s if following.is_long else search.step_s
        facts = paced_run(kind, search, following.rate_per_s, length_s, latency_s, 100 * seed + len(steps))
        steps.append(Step(rate_per_s=following.rate_per_s, is_long=following.is_long, found=step_of(facts)))
        if steps[-1].is_held:
            held[following.rate_per_s] = facts
        following = next_step(search, steps)
    low = bracket_of(steps).low
    other = None if low is None else _elsewhere(kind, held[low])
    return Sought(kind=kind, latency_s=latency_s, steps=tuple(steps), stop=following, other_room=other)


def _elsewhere(kind: BoardKind, facts: RunFacts) -> tuple[float, float, float] | None:
    """The rate in another room by the fit of a step, with its interval."""
    try:
        made = predicting.predictor_of(soak_of(facts), kind.silicon.min_hz).highest_rate_per_s(OTHER_ROOM_C)
    except Refusal:
        return None
    return made.value, made.low, made.high


def foretold_start(kind: BoardKind, latency_s: float, seed: int) -> float | None:
    """Where a search begins by the fit of an earlier soak of the board; None where that foretells nothing."""
    made = predictor_of(simulate(kind, Plan(latency_s=latency_s), seed))
    if made is None:
        return None
    return min(made.highest_rate_per_s(Plan().room_c, START_BELOW_C).value, BELOW_SPEED / made.latency_s)


def searches(seed: int, each: int, search: Search, *, is_foretold: bool) -> Iterator[Sought]:
    """Searches on so many specimens of each kind; each begins where a soak foretells it, else at half of its speed."""
    for number in range(each):
        for place, name in enumerate(KINDS):
            kind, latency_s = specimen(name, seed + number), LATENCIES_S[(number + place) % len(LATENCIES_S)]
            foretold = foretold_start(kind, latency_s, 1000 * seed + number) if is_foretold else None
            yield search_on(kind, search, latency_s, foretold or 0.5 / latency_s, 1000 * seed + number)


def judge(found: Sequence[Sought], search: Search, words: str) -> Iterator[Figure]:
    """The figures of searches that began alike."""
    errors = [each.error for each in found if each.error is not None]
    near = [abs(error) <= search.within for error in errors] + [False] * (len(found) - len(errors))
    for_ever = [each for each in found if each.is_for_ever]
    true = [(each.held or 0.0) <= cool_rate(each.kind, each.latency_s) for each in for_ever]
    steps = [float(len(each.steps)) for each in found]
    elsewhere = [(each, each.other_room) for each in found if each.other_room is not None]
    truths = [cool_rate(each.kind, each.latency_s, OTHER_ROOM_C) for each, _ in elsewhere]
    covered = [low <= truth <= high for (_, (_, low, high)), truth in zip(elsewhere, truths, strict=True)]
    misses = [value / truth - 1 for (_, (value, _, _)), truth in zip(elsewhere, truths, strict=True)]
    close = [abs(miss) <= search.within for miss in misses]
    what = f"held rate within {search.within:.0%} of the true one, {words}"
    yield Figure(what=what, unit="of boards", ours=share_of(sum(near), len(near)), targets=PROMISED)
    worst = max(errors, key=abs, default=float("nan"))
    yield Figure(what=f"held over true, {words}", unit="largest error", ours=Estimate(center=worst, count=len(errors)))
    yield Figure(what=f"confirmed by a long step, {words}", unit="of boards", ours=_share(_confirmed(found)))
    yield Figure(what=f"'for ever' is said, {words}", unit="of boards", ours=share_of(len(for_ever), len(found)))
    if for_ever:
        yield Figure(what=f"'for ever' is true of its heat, {words}", unit="of those", ours=_share(true), targets=ALL)
    yield Figure(what=f"steps, {words}", unit="median", ours=median_of(steps))
    yield Figure(what=f"steps, {words}", unit="most", ours=Estimate(center=max(steps), count=len(steps)))
    if elsewhere:
        what = f"rate at 30 C by the fit: within {search.within:.0%}, {words}"
        yield Figure(what=what, unit="of fits", ours=_share(close))
        yield Figure(what=f"rate at 30 C by the fit: interval covers, {words}", unit="of fits", ours=_share(covered))


def _confirmed(found: Sequence[Sought]) -> list[bool]:
    return [each.stop is Stop.FOUND for each in found]


def _share(answers: Sequence[bool]) -> Estimate:
    return share_of(sum(answers), len(answers))
