"""What differs between two runs, the gravest first: what keeps them apart, what may matter, what is mere detail."""

import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from orchestrator.analysis.comparability import differing_fields
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow, StudyRow
from orchestrator.queries.account import shown_attempt
from orchestrator.queries.groups import RANKED_VERDICTS
from orchestrator.queries.leaderboard_rows import Group
from orchestrator.queries.results import RunResult, Selection, loaded_options, read_results
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import get_run

MAY_MATTER = (
    "kernel",
    "firmware",
    "memory_bytes",
    "storage",
    "link",
    "page_size",
    "clock_max_hz",
    "clock_min_hz",
    "fan_pwm",
    "swap_total_bytes",
    "zram",
    "os",
    "python",
    "cores",
    "governor_renewed",
    "revision",
)
SURROUNDINGS = "surroundings"
# The facts of an environment that stand behind a comparable field, so that nothing is told twice.
FACTS = {
    "clock-limit-differs": "clock_limit_hz",
    "architecture-differs": "architecture",
    "affinity-differs": "affinity",
    "governor-differs": "governor",
}
# The fields whose value is a JSON text of our own making; texts of boards are never parsed.
PACKED = ("protocol-differs", "inputs-differ", "options-differ")


class Weight(enum.Enum):
    """How much a difference matters."""

    INCOMPARABLE = "makes them incomparable"
    MAY_MATTER = "may matter"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that differs; null where a run does not have it. `why` says why it keeps runs apart."""

    weight: Weight
    area: str
    fact: str
    one: Any
    other: Any
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """Two runs beside each other. `comparable` is null while one of them has not ended."""

    one: RunView
    other: RunView
    comparable: bool | None
    differences: tuple[Difference, ...]


def run_difference(database: Database, one_id: str, other_id: str) -> RunDifference:
    """Every fact that differs between two runs; raises `NotFoundError` or `SpecError`."""
    one, other = get_run(database, one_id), get_run(database, other_id)
    results = [_result(database, run) for run in (one, other)]
    protocols = [_protocol(database, run) for run in (one, other)]
    grave = list(_grave(results[0], results[1])) if results[0] and results[1] else []
    found = [*grave, *_plain(_facts(one, protocols[0]), _facts(other, protocols[1]), {each.fact for each in grave})]
    order = list(Weight)
    return RunDifference(
        one=one,
        other=other,
        comparable=None if None in results else not grave,
        differences=tuple(sorted(found, key=lambda each: order.index(each.weight))),
    )


def _result(database: Database, run: RunView) -> RunResult | None:
    with database.read() as session:
        results = read_results(session, Selection(study=run.study, device=run.device))
    return next((result for result in results if result.run == run.run), None)


def _protocol(database: Database, run: RunView) -> Mapping[str, Any]:
    with database.read() as session:
        query = select(StudyRow.protocol).join(RunRow, RunRow.study_id == StudyRow.id).where(RunRow.id == run.run)
        protocol: Mapping[str, Any] = session.scalars(query).one()
    return protocol


def _grave(one: RunResult, other: RunResult) -> Iterator[Difference]:
    """What puts them in different groups, what the declared list of fields says, and what is no usable result."""
    for name in Group.__dataclass_fields__:
        mine, yours = getattr(one.group, name), getattr(other.group, name)
        if mine != yours:
            yield _incomparable("group", name, mine, yours, "each group is ranked by itself")
    for field in differing_fields(one.conditions, other.conditions):
        mine, yours = (_unpacked(field.code, field.value(run.conditions)) for run in (one, other))
        for fact, left, right in _leaves(FACTS.get(field.code, field.noun), mine, yours):
            yield _incomparable("conditions", fact, left, right, field.reason)
    if not all(run.is_counted and run.verdict in RANKED_VERDICTS for run in (one, other)):
        left, right = ((run.verdict or run.state).value for run in (one, other))
        yield _incomparable("figures", "verdict", left, right, "only valid and suspect runs rank")


def _incomparable(area: str, fact: str, one: Any, other: Any, why: str) -> Difference:
    return Difference(weight=Weight.INCOMPARABLE, area=area, fact=fact, one=one, other=other, why=why)


def _leaves(fact: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """The one fact, or of two objects their leaves that differ."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        yield fact, one, other
        return
    left, right = dict(_flat(one)), dict(_flat(other))
    for name in dict.fromkeys([*left, *right]):
        if left.get(name) != right.get(name):
            yield name, left.get(name), right.get(name)


def _plain(
    one: Mapping[tuple[str, str], Any], other: Mapping[tuple[str, str], Any], told: set[str]
) -> Iterator[Difference]:
    for area, fact in dict.fromkeys([*one, *other]):
        mine, yours = one.get((area, fact)), other.get((area, fact))
        if mine != yours and fact not in told:
            yield Difference(weight=_weight(area, fact), area=area, fact=fact, one=mine, other=yours)


def _weight(area: str, fact: str) -> Weight:
    if area in ("protocol", "options", "variant", SURROUNDINGS) or (area == "environment" and fact in MAY_MATTER):
        return Weight.MAY_MATTER
    if area == "conditions" or (area == "gate" and fact in ("start_c", "timed_out")) or fact == "start_c":
        return Weight.MAY_MATTER
    return Weight.DETAIL


def _facts(run: RunView, protocol: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Everything that a run is told apart by, by area and name."""
    attempt = shown_attempt(run)
    facts: dict[tuple[str, str], Any] = {("protocol", name): value for name, value in _flat(protocol)}
    facts |= {("variant", "variant"): run.variant, ("place", "device"): run.device, ("place", "study"): run.study}
    facts |= {("place", "block"): run.block, ("place", "position"): run.position}
    facts |= {(SURROUNDINGS, name): value for name, value in (run.labels or {}).items()}
    facts |= {(SURROUNDINGS, "ambient_c"): None if run.ambient_c is None else round(run.ambient_c, 1)}
    facts |= {(SURROUNDINGS, "ambient_source"): run.ambient_source.value if run.ambient_source else None}
    if attempt is not None:
        facts |= {("environment", name): value for name, value in attempt.environment.items()}
        facts |= {("sensors", name): value for name, value in attempt.sources.items()}
        facts |= {("sensors", "absent"): ", ".join(attempt.absent)}
        facts |= {("gate", name): value for name, value in attempt.gate.items() if name != "at_ns"}
        facts |= {("options", name): value for name, value in _flat(loaded_options(attempt.loaded))}
        facts |= {("output", "output_sha256"): attempt.loaded.get("output_sha256")}
    names = ("samples", "median_ms", "p90_ms", "p99_ms", "first_ms", "load_ms", "peak_rss_bytes", "max_c", "steadiness")
    facts |= {("figures", name): getattr(run, name) for name in names}
    return facts | {("figures", "verdict"): run.verdict.value if run.verdict else None}


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested objects by dotted names."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _unpacked(code: str, value: Any) -> Any:
    """A condition that is stored as the text of a JSON object, as that object."""
    return json.loads(value) if code in PACKED and value is not None else value
