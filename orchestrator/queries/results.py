"""The ended runs that a ranking looks at, with what they belong to. Opens no blob; a fixed number of statements."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, Text, and_, cast, select
from sqlalchemy.orm import Session, contains_eager

from orchestrator.analysis.comparability import Conditions
from orchestrator.analysis.stopping import stated_coverage
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RANKED_KINDS, RunState, StudyKind, Verdict
from orchestrator.db.model_tables import ModelRow
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow
from orchestrator.queries.leaderboard_rows import Group
from orchestrator.queries.measured import Answerer, Metrics, read_measured
from orchestrator.queries.naming import only_given
from orchestrator.queries.ranked_variants import RankedVariant, read_variants

_COLUMNS = (
    RunRow.id,
    RunRow.study_id,
    RunRow.device_id,
    RunRow.variant_id,
    RunRow.start_group,
    RunRow.block,
    RunRow.state,
    RunRow.verdict,
    RunRow.counted_attempt,
    RunRow.code,
    RunRow.message,
    RunRow.reasons,
    RunRow.runtime_version,
    RunRow.analysis_version,
    RunRow.ended_at_s,
    RunRow.samples,
    RunRow.median_ns,
    RunRow.p90_ns,
    RunRow.p99_ns,
    RunRow.first_ns,
    RunRow.load_ns,
    RunRow.peak_rss_bytes,
    RunRow.energy_j,
    RunRow.onset_s,
    RunRow.known_until_s,
    RunRow.onset_cause,
    RunRow.sustained_ratio,
    RunRow.rate_per_s,
)


_FACTS = ("governor", "clock_limit_hz", "architecture", "affinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which runs to look at; None is any. Canaries and profiles are looked at only where their study is named.

    Runs that answered a data set have no latency, and are never among them.
    """

    study: int | None = None
    device: str | None = None
    model: str | None = None
    board_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """An ended run: where it stands, how it ended, and its figures (nanoseconds) as far as it has them.

    `coverage` is what a nominal 95 % covers where blocks were added until intervals were narrow, else None. A step of a
    search for the highest rate has a `rate_per_s` of its own.
    `onset_s` to `sustained_ratio` are those of sustained runs, in the units of their names.
    """

    run: str
    study: int
    start_group: int
    block: int
    device: str
    board: str
    group: Group
    variant: RankedVariant
    conditions: Conditions
    coverage: float | None
    state: RunState
    verdict: Verdict | None
    is_counted: bool
    code: str
    message: str
    reasons: tuple[Mapping[str, Any], ...]
    samples: int | None
    median_ns: float | None
    p90_ns: float | None
    p99_ns: float | None
    first_ns: float | None
    load_ns: float | None
    peak_rss_bytes: int | None
    energy_j: float | None
    onset_s: float | None
    known_until_s: float | None
    onset_cause: str | None
    sustained_ratio: float | None
    rate_per_s: float | None


def read_results(session: Session, selection: Selection) -> list[RunResult]:
    """The ended runs of a selection, in order of study, device and block."""
    places = _Places(
        studies=_studies(session, selection),
        devices={row.id: row for row in session.scalars(select(DeviceRow))},
        variants=read_variants(session, model=selection.model),
        measured=read_measured(session),
    )
    return [_result(row, places) for row in session.execute(_query(selection))]


def loaded_options(loaded: Mapping[str, Any]) -> dict[str, Any]:
    """What the runtime was loaded with. Version 1 of the wire kept a time among it, which is no option."""
    return {name: value for name, value in loaded.get("options", {}).items() if name != "import_ms"}


@lru_cache(maxsize=1024)
def _options(loaded: str) -> str | None:
    """The options of a JSON text; most runs have the same one."""
    return as_text(loaded_options(json.loads(loaded)))


def as_text(value: Any) -> str | None:
    """JSON data as a text that is equal for equal data."""
    return None if value is None else json.dumps(value, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """A study, and what it asked for as texts that are equal for equal data."""

    row: StudyRow
    protocol: str
    inputs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """What runs belong to, by id."""

    studies: Mapping[int, "_Study"]
    devices: Mapping[int, DeviceRow]
    variants: Mapping[int, RankedVariant]
    measured: Mapping[Answerer, Metrics]

    def variant(self, variant_id: int, device: DeviceRow) -> RankedVariant:
        """A variant with the metrics that hold on such a device."""
        variant = self.variants[variant_id]
        if not self.measured:
            return variant
        answerer = Answerer(
            build_id=variant.build_id,
            runtime=variant.address.runtime,
            options_key=variant.options_key,
            board_type=device.board_type,
            simulated=device.simulated,
        )
        shown = self.measured.get(answerer)
        return variant if shown is None else replace(variant, metrics={**variant.metrics, **shown})


def _query(selection: Selection) -> Select[*tuple[Any, ...]]:
    attempt = and_(AttemptRow.run_id == RunRow.id, AttemptRow.number == RunRow.counted_attempt)
    facts = [AttemptRow.environment[("facts", name)].as_string().label(name) for name in _FACTS]
    measuring_hash = AttemptRow.environment["measuring_hash"].as_string().label("measuring_hash")
    return (
        select(*_COLUMNS, measuring_hash, cast(AttemptRow.loaded, Text).label("loaded"), *facts)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .outerjoin(AttemptRow, attempt)
        .where(
            RunRow.state.in_(ENDED_RUN_STATES),
            StudyRow.kind.in_(RANKED_KINDS) if selection.study is None else StudyRow.kind != StudyKind.ACCURACY,
            *only_given(
                (RunRow.study_id, selection.study),
                (DeviceRow.name, selection.device),
                (ModelRow.name, selection.model),
                (DeviceRow.board_type, selection.board_type),
            ),
        )
        .order_by(RunRow.study_id, DeviceRow.name, RunRow.block, RunRow.position)
    )


def _result(row: Row[*tuple[Any, ...]], places: _Places) -> RunResult:
    asked, device = places.studies[row.study_id], places.devices[row.device_id]
    study = asked.row
    variant = places.variant(row.variant_id, device)
    conditions = Conditions(
        variant=variant.full,
        runtime=variant.address.runtime,
        runtime_version=row.runtime_version,
        protocol=asked.protocol,
        inputs=asked.inputs,
        options=None if row.loaded is None else _options(row.loaded),
        measuring_hash=row.measuring_hash,
        analysis_version=row.analysis_version,
        ended_at_s=row.ended_at_s or 0.0,
        **{name: getattr(row, name) for name in _FACTS},
    )
    return RunResult(
        run=row.id,
        study=row.study_id,
        start_group=row.start_group,
        block=row.block,
        device=device.name,
        board=device.board,
        group=_group(study, device),
        variant=variant,
        conditions=conditions,
        coverage=None if study.until_ci is None else stated_coverage(study.blocks),
        state=row.state,
        verdict=row.verdict,
        is_counted=row.counted_attempt is not None,
        code=row.code,
        message=row.message,
        reasons=tuple(row.reasons),
        samples=row.samples,
        median_ns=row.median_ns,
        p90_ns=row.p90_ns,
        p99_ns=row.p99_ns,
        first_ns=row.first_ns,
        load_ns=row.load_ns,
        peak_rss_bytes=row.peak_rss_bytes,
        energy_j=row.energy_j,
        onset_s=row.onset_s,
        known_until_s=row.known_until_s,
        onset_cause=row.onset_cause,
        sustained_ratio=row.sustained_ratio,
        rate_per_s=row.rate_per_s,
    )


def _studies(session: Session, selection: Selection) -> dict[int, _Study]:
    query = select(StudyRow).join(StudyRow.model).options(contains_eager(StudyRow.model))
    chosen = query.where(*only_given((StudyRow.id, selection.study), (ModelRow.name, selection.model)))
    return {
        row.id: _Study(row=row, protocol=as_text(row.protocol) or "", inputs=as_text(row.inputs) or "")
        for row in session.scalars(chosen)
    }


def _group(study: StudyRow, device: DeviceRow) -> Group:
    return Group(
        model=study.model.name,
        board_type=device.board_type,
        regime=str(study.protocol["regime"]),
        protocol=study.protocol_name,
        input_shape=study.input_shape,
        source="simulated" if device.simulated else "measured",
    )
