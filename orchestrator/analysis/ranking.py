"""The order of a group's variants: a rank counts who is faster, ties are said, none is broken by chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.comparison import MARGIN, Answer, Comparison, Observation, compare_all
from orchestrator.analysis.latency import Interval, center_of_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One variant of a group. `rank` is 1 + the number of variants that are faster; ties are not transitive.

    `center` has its interval, if there is one, around it: with one board the geometric mean of its run
    medians and Student's t over runs; with several the median of the boards' centers, and t over boards.
    """

    variant: str
    rank: int
    tied_with: tuple[str, ...]
    center_ns: float
    interval: Interval | None
    by_device_ns: Mapping[str, float]
    against: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the Pareto front weighs: costs, the same ones in the same order for each, lower ones; higher accuracy."""

    costs: tuple[float, ...]
    accuracy: float


def rank(observations: Sequence[Observation], margin: float = MARGIN) -> tuple[Ranked, ...]:
    """A group's variants in order of rank, then of median."""
    comparisons = compare_all(observations, margin)
    variants = list(dict.fromkeys(observation.variant for observation in observations))
    ranked = [_ranked(variant, variants, observations, comparisons) for variant in variants]
    return tuple(sorted(ranked, key=lambda each: (each.rank, each.center_ns, each.variant)))


def pareto_front(candidates: Sequence[Candidate]) -> tuple[bool, ...]:
    """For each candidate, whether no other is at least as good in everything and better in something."""
    return tuple(not any(_dominates(other, one) for other in candidates) for one in candidates)


def _ranked(
    variant: str,
    variants: Sequence[str],
    observations: Sequence[Observation],
    comparisons: Mapping[tuple[str, str], Comparison],
) -> Ranked:
    against = {other: comparisons[variant, other] for other in variants if other != variant}
    told = (Answer.FASTER, Answer.SLOWER)
    found = center_of_runs(_by_device(variant, observations))
    return Ranked(
        variant=variant,
        rank=1 + sum(each.answer is Answer.SLOWER for each in against.values()),
        tied_with=tuple(other for other, each in against.items() if each.answer not in told),
        center_ns=found.center,
        interval=found.interval,
        by_device_ns=found.by_device,
        against=against,
    )


def _by_device(variant: str, observations: Sequence[Observation]) -> dict[str, list[float]]:
    medians: dict[str, list[float]] = {}
    for each in observations:
        if each.variant == variant:
            medians.setdefault(each.device, []).append(each.median_ns)
    return medians


def _dominates(one: Candidate, other: Candidate) -> bool:
    saved = (theirs - ours for ours, theirs in zip(one.costs, other.costs, strict=True))
    gains = (*saved, one.accuracy - other.accuracy)
    return min(gains) >= 0 and max(gains) > 0
