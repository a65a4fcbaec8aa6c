"""Which runs of a group may be ranked together: those that are equal in a declared list of fields.

Where a field differs, the value that most runs have is kept, of equally many the newest; the rest are left
out, each with its reason. Nothing is averaged over a difference.
"""

import enum
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass


class Scope(enum.Enum):
    """Among which runs of a group a field must be equal."""

    GROUP = "group"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a run was made, as far as it decides what it may be compared with. None is a value like any other."""

    runtime: str
    runtime_version: str | None
    protocol: str
    measuring_hash: str | None
    analysis_version: int | None
    ended_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableField:
    """One field of the declared list; `noun` names it for a person."""

    code: str
    noun: str
    scope: Scope
    value: Callable[[Conditions], Hashable]


FIELDS: tuple[ComparableField, ...] = (
    ComparableField(
        code="protocol-differs",
        noun="settings of the protocol",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.protocol,
    ),
    ComparableField(
        code="agent-differs",
        noun="measuring code of the agent",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.measuring_hash,
    ),
    ComparableField(
        code="analysis-differs",
        noun="version of the analysis (pifarm recompute)",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.analysis_version,
    ),
    ComparableField(
        code="runtime-version-differs",
        noun="version of the runtime",
        scope=Scope.RUNTIME,
        value=lambda conditions: conditions.runtime_version,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Why a run is not compared with the others of its group."""

    code: str
    reason: str


def find_incomparable(runs: Sequence[Conditions]) -> list[LeftOut | None]:
    """For each run of a group, in order, why it is left out; None for those that are compared."""
    verdicts: list[LeftOut | None] = [None] * len(runs)
    for field in FIELDS:
        for scope in _scopes(field, runs):
            kept = [index for index in scope if verdicts[index] is None]
            common = _most_common(field, [runs[index] for index in kept])
            for index in kept:
                if field.value(runs[index]) != common:
                    verdicts[index] = _left_out(field, runs[index], common)
    return verdicts


def _scopes(field: ComparableField, runs: Sequence[Conditions]) -> list[list[int]]:
    scopes: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        scopes.setdefault(run.runtime if field.scope is Scope.RUNTIME else "", []).append(index)
    return list(scopes.values())


def _most_common(field: ComparableField, runs: Sequence[Conditions]) -> Hashable:
    standing: dict[Hashable, tuple[int, float]] = {}
    for run in runs:
        count, newest_s = standing.get(field.value(run), (0, 0.0))
        standing[field.value(run)] = (count + 1, max(newest_s, run.ended_at_s))
    return max(standing, key=standing.__getitem__, default=None)


def _left_out(field: ComparableField, run: Conditions, common: Hashable) -> LeftOut:
    came = str(field.value(run))
    figures = f": {came} here, {common} there" if len(came) <= 40 else ""
    return LeftOut(code=field.code, reason=f"another {field.noun} than most runs of its group{figures}")
