"""Which runs of a group may be ranked together: those that are equal in a declared list of fields.

Where a field differs, the value that most runs have is kept, of equally many the newest; the rest are left
out, each with its reason. Nothing is averaged over a difference. What is no field, and why:

- model, board type, regime, protocol name, input shape and source part the groups; variants differ in artifact,
  threads and options by their very name;
- kernel and firmware: boards of a farm seldom agree in them; a change within a study makes a run suspect;
- memory, storage, link, cooling and the room differ from board to board, and the board is the unit that is replicated.
`pifarm run diff` names all of these for two runs.
"""

import enum
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass


class Scope(enum.Enum):
    """Among which runs of a group a field must be equal."""

    GROUP = "group"
    RUNTIME = "runtime"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a run was made, as far as it decides what it may be compared with. None is a value like any other.

    `protocol`, `inputs` and `options` are JSON; facts of the board are texts, as the board gave them.
    """

    variant: str
    runtime: str
    runtime_version: str | None
    protocol: str
    measuring_hash: str | None
    analysis_version: int | None
    ended_at_s: float
    inputs: str = "{}"
    options: str | None = None
    governor: str | None = None
    clock_limit_hz: str | None = None
    architecture: str | None = None
    affinity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableField:
    """One field of the declared list; `noun` names it for a person, `reason` says why it must be equal."""

    code: str
    noun: str
    scope: Scope
    value: Callable[[Conditions], Hashable]
    reason: str


FIELDS: tuple[ComparableField, ...] = (
    ComparableField(
        code="protocol-differs",
        noun="settings of the protocol",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.protocol,
        reason="gate, warm-up, window and pace decide what a median is",
    ),
    ComparableField(
        code="agent-differs",
        noun="measuring code of the agent",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.measuring_hash,
        reason="another timed loop is another instrument",
    ),
    ComparableField(
        code="analysis-differs",
        noun="version of the analysis (pifarm recompute)",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.analysis_version,
        reason="another rule or formula made the figures",
    ),
    ComparableField(
        code="runtime-version-differs",
        noun="version of the runtime",
        scope=Scope.RUNTIME,
        value=lambda conditions: conditions.runtime_version,
        reason="a runtime may become faster or slower",
    ),
    ComparableField(
        code="options-differ",
        noun="options that the runtime was loaded with",
        scope=Scope.VARIANT,
        value=lambda conditions: conditions.options,
        reason="a default that changed is another variant under the same name",
    ),
    ComparableField(
        code="inputs-differ",
        noun="inputs",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.inputs,
        reason="models with a suppression stage inside depend on the data",
    ),
    ComparableField(
        code="clock-limit-differs",
        noun="clock limit",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.clock_limit_hz,
        reason="latency goes with the clock",
    ),
    ComparableField(
        code="governor-differs",
        noun="governor",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.governor,
        reason="it decides which clock a short load gets",
    ),
    ComparableField(
        code="architecture-differs",
        noun="architecture of the system",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.architecture,
        reason="32-bit and 64-bit kernels compute with other instructions",
    ),
    ComparableField(
        code="affinity-differs",
        noun="cores that may be used",
        scope=Scope.GROUP,
        value=lambda conditions: conditions.affinity,
        reason="threads on fewer cores are slower",
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
    scopes = {scope: _within(scope, runs) for scope in Scope}
    for field in FIELDS:
        for places in scopes[field.scope]:
            kept = [index for index in places if verdicts[index] is None]
            if len({field.value(runs[index]) for index in kept}) < 2:
                continue
            common = _most_common(field, [runs[index] for index in kept])
            for index in kept:
                if field.value(runs[index]) != common:
                    verdicts[index] = _left_out(field, runs[index], common)
    return verdicts


def differing_fields(one: Conditions, other: Conditions) -> list[ComparableField]:
    """The fields that keep two runs apart; those of a scope that they do not share are none of them."""
    shared = {
        Scope.GROUP: True,
        Scope.RUNTIME: one.runtime == other.runtime,
        Scope.VARIANT: one.variant == other.variant,
    }
    return [field for field in FIELDS if shared[field.scope] and field.value(one) != field.value(other)]


def _within(scope: Scope, runs: Sequence[Conditions]) -> list[list[int]]:
    """The places of the runs that must be equal among each other."""
    found: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        name = "" if scope is Scope.GROUP else run.runtime if scope is Scope.RUNTIME else run.variant
        found.setdefault(name, []).append(index)
    return list(found.values())


def _most_common(field: ComparableField, runs: Sequence[Conditions]) -> Hashable:
    standing: dict[Hashable, tuple[int, float]] = {}
    for run in runs:
        count, newest_s = standing.get(field.value(run), (0, 0.0))
        standing[field.value(run)] = (count + 1, max(newest_s, run.ended_at_s))
    return max(standing, key=standing.__getitem__, default=None)


def _left_out(field: ComparableField, run: Conditions, common: Hashable) -> LeftOut:
    came, usual = ("unknown" if value is None else str(value) for value in (field.value(run), common))
    figures = f": {came} here, {usual} there" if max(len(came), len(usual)) <= 40 else ""
    return LeftOut(code=field.code, reason=f"another {field.noun} than most runs of its group{figures}")
