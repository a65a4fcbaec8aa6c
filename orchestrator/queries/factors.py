"""One variant under several values of a label, board type by board type: latency, heat, and what else differed.

Labels are those that a device had when a run began. Opens no blob; a fixed number of statements.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from agent.wire.spec import Regime
from orchestrator.addresses import VariantAddress
from orchestrator.analysis.comparison import MARGIN
from orchestrator.analysis.factors import (
    ByBoard,
    Contrast,
    LevelComparison,
    OverBoards,
    compare_levels,
    contrast,
    goes_with,
    onset_of_boards,
    over_boards,
)
from orchestrator.analysis.thermal.survival import Survival
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.protocols import is_provisional
from orchestrator.queries.compare import resolve_measured
from orchestrator.queries.groups import least_coverage, read_groups, split
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group
from orchestrator.queries.naming import listed
from orchestrator.queries.results import RunResult, Selection

TEMPERATURES: Mapping[str, Callable[["Kept"], float | None]] = {
    "end_c": lambda kept: kept.end_c,
    "settled_c": lambda kept: kept.settled_c,
    "rise_c": lambda kept: None if None in (kept.settled_c, kept.ambient_c) else kept.settled_c - kept.ambient_c,
}
_COLUMNS = (
    RunRow.id,
    RunRow.labels,
    RunRow.ambient_c,
    RunRow.ambient_source,
    RunRow.onset_s,
    RunRow.known_until_s,
    RunRow.settled_c,
    RunRow.end_c,
)
Kept = Row[*tuple[Any, ...]]
Runs = Sequence[tuple[RunResult, Kept]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms that runs were measured in, C; `unknown` runs have none, `stated` ones one that nobody measured."""

    low_c: float | None
    high_c: float | None
    unknown: int
    stated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One value of the label. Of a sustained run the latency is that of its last 300 s.

    `end_c` is the die at the end of the window, `settled_c` where it would settle if nothing throttled, by the thermal
    fit, `rise_c` that above the room; `onset` when boards throttled. Each is null where no run says it.
    """

    level: str
    devices: tuple[str, ...]
    runs: int
    latency_ms: OverBoards
    onset: Survival | None
    end_c: OverBoards | None
    settled_c: OverBoards | None
    rise_c: OverBoards | None
    rooms: Rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A temperature (`end_c`, `settled_c`, `rise_c`) under one value less that under the baseline, in kelvin."""

    level: str
    figure: str
    contrast: Contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorComparison:
    """A variant under the values of a label in one group.

    `goes_with` names, by value, other labels that differ from the baseline's wherever this one does. `coverage` is what
    a nominal 95 % covers where blocks were added until intervals were narrow.
    """

    group: Group
    board: str
    provisional: bool
    variant: str
    factor: str
    baseline: str
    margin: float
    levels: tuple[Level, ...]
    comparisons: tuple[LevelComparison, ...]
    differences: tuple[Difference, ...]
    goes_with: Mapping[str, Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]]
    coverage: float | None
    excluded: tuple[ExcludedRun, ...]


def compare_by(
    database: Database,
    variant: str,
    factor: str,
    baseline: str | None = None,
    study: int | None = None,
    device: str | None = None,
    regime: Regime | str | None = None,
    margin: float = MARGIN,
    model: str | None = None,
    board_type: str | None = None,
) -> tuple[FactorComparison, ...]:
    """The variant under each value of the label `factor`, in each group that has ended runs of it.

    Where `baseline` is not given, or not in a group, it is the value with most boards there, of equals the first by
    name. Raises `NotFoundError` for what is unknown, `SpecError` for what is unclear or was not measured.
    """
    if not 0 <= margin < 1:
        raise SpecError(f"margin: expected 0 to below 1 (0.02 is 2 %), got {margin}")
    selection = Selection(study=study, device=device, model=model, board_type=board_type)
    with database.read() as session:
        groups = read_groups(session, selection, regime)
        measured = {result.variant.address for results in groups.values() for result in results}
        address = resolve_measured(session, variant, measured)
        own = {group: [run for run in results if run.variant.address == address] for group, results in groups.items()}
        kept = _kept(session, [run for runs in own.values() for run in runs])
    _require_label(factor, baseline, kept.values())
    return tuple(_group(address, runs, kept, factor, baseline, margin) for runs in own.values() if runs)


def _kept(session: Session, runs: Sequence[RunResult]) -> Mapping[str, Kept]:
    """What each of these runs was measured under, and what it shows of its board."""
    studies, variants = {run.study for run in runs}, {run.variant.id for run in runs}
    query = select(*_COLUMNS).where(RunRow.study_id.in_(studies), RunRow.variant_id.in_(variants))
    return {row.id: row for row in session.execute(query)}


def _require_label(factor: str, baseline: str | None, kept: Iterable[Kept]) -> None:
    labels = [row.labels or {} for row in kept]
    values = {str(own[factor]) for own in labels if factor in own}
    if not values:
        names = sorted({name for own in labels for name in own})
        raise NotFoundError(
            f"--by {factor}: no board had that label when it was measured; there are {listed(names)}; "
            f"label boards before they measure: pifarm device label DEVICE {factor}=VALUE"
        )
    if baseline is not None and baseline not in values:
        raise NotFoundError(f"--baseline {baseline}: expected a value of {factor}: {listed(sorted(values))}")


def _group(
    address: VariantAddress,
    results: Sequence[RunResult],
    kept: Mapping[str, Kept],
    factor: str,
    baseline: str | None,
    margin: float,
) -> FactorComparison:
    usable, excluded = split(results)
    by_level: dict[str, list[tuple[RunResult, Kept]]] = {}
    for run in usable:
        own = kept[run.run]
        if factor in (own.labels or {}):
            by_level.setdefault(str(own.labels[factor]), []).append((run, own))
        else:
            excluded.append(_unlabelled(run, factor))
    levels = tuple(_level(level, by_level[level]) for level in sorted(by_level))
    base = _base(baseline, levels)
    is_comparable = len(levels) > 1
    return FactorComparison(
        group=results[0].group,
        board=results[0].board,
        provisional=is_provisional(results[0].group.protocol),
        variant=address.text,
        factor=factor,
        baseline=base,
        margin=margin,
        levels=levels,
        comparisons=_comparisons(by_level, base, margin) if is_comparable else (),
        differences=tuple(_differences(by_level, base)) if is_comparable else (),
        goes_with=_goes_with(by_level, base, factor) if is_comparable else {},
        coverage=least_coverage([run for runs in by_level.values() for run, _ in runs]),
        excluded=tuple(excluded),
    )


def _base(wanted: str | None, levels: Sequence[Level]) -> str:
    if wanted is not None and (not levels or wanted in {each.level for each in levels}):
        return wanted
    return max(levels, key=lambda each: len(each.devices)).level if levels else ""


def _unlabelled(run: RunResult, factor: str) -> ExcludedRun:
    return ExcludedRun(
        run=run.run,
        study=run.study,
        model=run.group.model,
        variant=run.variant.name,
        device=run.device,
        code="label-missing",
        reason=f"its board had no label {factor} when it was measured",
    )


def _level(level: str, runs: Runs) -> Level:
    temperatures = {name: _temperature(runs, read) for name, read in TEMPERATURES.items()}
    found = {name: over_boards(own) if own else None for name, own in temperatures.items()}
    return Level(
        level=level,
        devices=tuple(sorted({run.device for run, _ in runs})),
        runs=len(runs),
        latency_ms=over_boards(_latencies(runs, 1e-6), is_ratio=True),
        onset=_onset(runs),
        end_c=found["end_c"],
        settled_c=found["settled_c"],
        rise_c=found["rise_c"],
        rooms=_rooms([kept for _, kept in runs]),
    )


def _latencies(runs: Runs, factor: float) -> ByBoard:
    return _by_device(runs, lambda run, _: None if run.median_ns is None else run.median_ns * factor)


def _temperature(runs: Runs, read: Callable[[Kept], float | None]) -> ByBoard:
    return _by_device(runs, lambda _, kept: read(kept))


def _onset(runs: Runs) -> Survival | None:
    onsets: dict[str, list[tuple[float, bool]]] = {}
    for run, kept in runs:
        at_s = kept.known_until_s if kept.onset_s is None else kept.onset_s
        if at_s is not None:
            onsets.setdefault(run.device, []).append((at_s, kept.onset_s is not None))
    return onset_of_boards(onsets) if onsets else None


def _rooms(kept: Sequence[Kept]) -> Rooms:
    known = [row.ambient_c for row in kept if row.ambient_c is not None]
    return Rooms(
        low_c=min(known, default=None),
        high_c=max(known, default=None),
        unknown=len(kept) - len(known),
        stated=sum(row.ambient_source in (AmbientSource.TYPED, AmbientSource.LABEL) for row in kept),
    )


def _comparisons(by_level: Mapping[str, Runs], baseline: str, margin: float) -> tuple[LevelComparison, ...]:
    return compare_levels({level: _latencies(runs, 1.0) for level, runs in by_level.items()}, baseline, margin)


def _differences(by_level: Mapping[str, Runs], baseline: str) -> Iterator[Difference]:
    for name, read in TEMPERATURES.items():
        figures = {level: _temperature(runs, read) for level, runs in by_level.items()}
        for level in sorted(figures):
            if level != baseline and figures[level] and figures[baseline]:
                yield Difference(level=level, figure=name, contrast=contrast(figures[level], figures[baseline]))


def _goes_with(
    by_level: Mapping[str, Runs], baseline: str, factor: str
) -> Mapping[str, Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    labels = {level: [kept.labels for _, kept in runs] for level, runs in by_level.items()}
    found = {level: goes_with(labels[level], labels[baseline], factor) for level in sorted(labels) if level != baseline}
    return {level: own for level, own in found.items() if own}


def _by_device(runs: Runs, read: Callable[[RunResult, Kept], float | None]) -> ByBoard:
    by_device: dict[str, list[float]] = {}
    for run, kept in runs:
        if (figure := read(run, kept)) is not None:
            by_device.setdefault(run.device, []).append(figure)
    return by_device
