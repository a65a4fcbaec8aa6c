"""Ended runs by the group they may be ranked in: those that rank, and the others with their reasons."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from agent.wire.spec import Regime
from orchestrator.analysis.comparability import find_incomparable
from orchestrator.analysis.comparison import Observation
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.model_tables import ModelRow
from orchestrator.db.tables import DeviceRow, StudyRow
from orchestrator.errors import SpecError
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group
from orchestrator.queries.naming import require_known
from orchestrator.queries.results import RunResult, Selection, read_results

RANKED_VERDICTS = (Verdict.VALID, Verdict.SUSPECT)
PACE_STEP = "pace-step"
SWEEP = "sweep"


def read_groups(
    session: Session, selection: Selection, regime: Regime | str | None = None
) -> Mapping[Group, list[RunResult]]:
    """The ended runs of a selection by group, groups in the order in which they are shown.

    Raises `NotFoundError` for a study, device or model that is unknown, `SpecError` for a regime that is.
    """
    wanted = as_regime(regime)
    require_known(session, StudyRow.id, selection.study, "study")
    require_known(session, DeviceRow.name, selection.device, "device")
    require_known(session, ModelRow.name, selection.model, "model")
    groups: dict[Group, list[RunResult]] = {}
    for result in read_results(session, selection):
        if wanted is None or result.group.regime == wanted.value:
            groups.setdefault(result.group, []).append(result)
    return {group: groups[group] for group in sorted(groups, key=_order)}


def split(results: Sequence[RunResult]) -> tuple[list[RunResult], list[ExcludedRun]]:
    """The runs of one group that rank, and the others with their reasons."""
    usable, excluded = [], []
    for result in results:
        if result.rate_per_s is not None:
            excluded.append(_excluded(result, PACE_STEP, _pace_reason(result)))
        elif result.group.regime == Regime.SWEEP.value:
            excluded.append(_excluded(result, SWEEP, _sweep_reason(result)))
        elif result.is_counted and result.verdict in RANKED_VERDICTS and result.state is RunState.DONE:
            usable.append(result)
        else:
            excluded.append(_excluded(result, *_why_unusable(result)))
    kept = []
    for result, verdict in zip(usable, find_incomparable([r.conditions for r in usable]), strict=True):
        if verdict is None:
            kept.append(result)
        else:
            excluded.append(_excluded(result, verdict.code, verdict.reason))
    return kept, excluded


def observation(result: RunResult) -> Observation:
    """A counted run as comparisons see it; start groups of a study are never paired."""
    assert result.median_ns is not None, "a counted run has a median"
    return Observation(
        variant=result.variant.name,
        device=result.device,
        block=(result.study, result.start_group, result.block),
        median_ns=result.median_ns,
    )


def least_coverage(results: Sequence[RunResult]) -> float | None:
    """What nominal 95 % intervals of these runs cover, where some study added blocks until they were narrow."""
    return min((result.coverage for result in results if result.coverage is not None), default=None)


def coverage_text(coverage: float) -> str:
    """That coverage in a sentence."""
    return f"blocks were added until intervals were narrow: they cover about {100 * coverage:.0f} %, not 95 %"


def as_regime(regime: Regime | str | None) -> Regime | None:
    """The regime of a name; raises `SpecError`."""
    try:
        return None if regime is None else Regime(regime)
    except ValueError as error:
        raise SpecError(f"regime: expected one of {', '.join(r.value for r in Regime)}, got {regime!r}") from error


def _order(group: Group) -> tuple[str, ...]:
    return (group.model, group.source, group.board_type, group.regime, group.protocol, group.input_shape)


def _why_unusable(result: RunResult) -> tuple[str, str]:
    if result.state is RunState.DONE and result.reasons:
        gravest = result.reasons[0]
        return str(gravest["code"]), str(gravest.get("text", gravest["code"]))
    return result.code or result.state.value, result.message or f"the run is {result.state.value}"


def _pace_reason(result: RunResult) -> str:
    return (
        f"a step of {result.rate_per_s:.4g}/s in a search for the highest rate, which has a load of its own; "
        f"pifarm study show {result.study}"
    )


def _sweep_reason(result: RunResult) -> str:
    return f"a sweep, whose temperature was led up and down: it has no latency of its own; pifarm run show {result.run}"


def _excluded(result: RunResult, code: str, reason: str) -> ExcludedRun:
    return ExcludedRun(
        run=result.run,
        study=result.study,
        model=result.group.model,
        variant=result.variant.name,
        device=result.device,
        code=code,
        reason=reason,
    )
