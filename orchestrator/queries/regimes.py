"""What a row of the leaderboard is told of the other regime: how the same variant does hot where it was ranked cold.

Groups of two regimes stand for each other where model, board type, input shape and source are the same and neither is
paced. Of several protocols the full one counts, of equally full ones the one with more runs. No SQL in here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from agent.wire.spec import Regime
from orchestrator.analysis.ranking import Ranked, rank
from orchestrator.analysis.regimes import TimeToThrottle, Watched, flips, time_to_throttle
from orchestrator.analysis.thermal.onset import Cause
from orchestrator.protocols import is_provisional
from orchestrator.queries.groups import observation, split
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, OtherRegime
from orchestrator.queries.results import RunResult

_OTHER = {Regime.BURST.value: Regime.SUSTAINED.value, Regime.SUSTAINED.value: Regime.BURST.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One group, ranked: the runs that count by variant, the variants in order of rank, and what was left out."""

    group: Group
    runs: Mapping[str, Sequence[RunResult]]
    ranked: tuple[Ranked, ...]
    excluded: tuple[ExcludedRun, ...]

    def of(self, variant: str) -> Ranked | None:
        """A variant's place, None where it has none."""
        return next((each for each in self.ranked if each.variant == variant), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """What is known of a variant on a type of board beyond its own group. All of it may be missing."""

    time_to_throttle: TimeToThrottle | None = None
    sustained_ratio: float | None = None
    other_regime: OtherRegime | None = None
    flips: tuple[str, ...] = ()


def stand(group: Group, results: Sequence[RunResult], margin: float) -> Standing:
    """The ranking of a group's ended runs; `margin` is the least difference that counts."""
    kept, excluded = split(results)
    runs: dict[str, list[RunResult]] = {}
    for result in kept:
        runs.setdefault(result.variant.name, []).append(result)
    ranked = rank([observation(result) for result in kept], margin)
    return Standing(group=group, runs=runs, ranked=ranked, excluded=tuple(excluded))


def counterpart(group: Group, groups: Mapping[Group, Sequence[RunResult]]) -> Group | None:
    """The group of the other regime that this one is shown beside; None where nothing of it was measured."""
    if group.regime not in _OTHER or _is_paced(groups.get(group, ())):
        return None
    place = (group.model, group.board_type, group.input_shape, group.source, _OTHER[group.regime])
    found = [
        other
        for other, results in groups.items()
        if (other.model, other.board_type, other.input_shape, other.source, other.regime) == place
        and not _is_paced(results)
    ]
    return min(found, key=lambda other: (is_provisional(other.protocol), -len(groups[other])), default=None)


def heat_of(variant: str, here: Standing, there: Standing | None) -> Heat:
    """What the other regime says of a variant, and what its sustained runs say of throttling, wherever they are."""
    hot = here if here.group.regime == Regime.SUSTAINED.value else there
    soaks = hot.runs.get(variant, ()) if hot is not None else ()
    ratios = [run.sustained_ratio for run in soaks if run.sustained_ratio is not None]
    own, other = here.of(variant), there.of(variant) if there is not None else None
    return Heat(
        time_to_throttle=time_to_throttle([each for run in soaks if (each := _watched(run)) is not None]),
        sustained_ratio=median(ratios) if ratios else None,
        other_regime=_other_regime(there.group, other) if there is not None and other is not None else None,
        flips=flips(own, other) if own is not None and other is not None else (),
    )


def _other_regime(group: Group, ranked: Ranked) -> OtherRegime:
    return OtherRegime(
        regime=group.regime,
        protocol=group.protocol,
        rank=ranked.rank,
        tied_with=ranked.tied_with,
        median_ms=ranked.center_ns / 1e6,
    )


def _watched(run: RunResult) -> Watched | None:
    """A run as one that was watched for throttling; None where nobody could see it, or an older analysis did not."""
    if run.known_until_s is None:
        return None
    return Watched(onset_s=run.onset_s, until_s=run.known_until_s, cause=Cause(run.onset_cause))


def _is_paced(results: Sequence[RunResult]) -> bool:
    """Whether the group's protocol has an open loop, whose latencies count from due times."""
    return bool(results) and json.loads(results[0].conditions.protocol).get("pace") is not None
