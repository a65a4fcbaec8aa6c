"""What a study is made of: how it was asked for, its devices and variants, and each pair of variants compared."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from agent.wire.codec import decode
from agent.wire.spec import Inputs, Protocol
from orchestrator.analysis.comparison import MARGIN, Comparison, compare_all
from orchestrator.db.accuracy_tables import EvaluationRow
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow, StudyRow
from orchestrator.queries.farm import list_devices
from orchestrator.queries.groups import least_coverage, observation, read_groups, split
from orchestrator.queries.leaderboard_rows import Group
from orchestrator.queries.measured import Answerer, Metrics, measured_views, read_measured
from orchestrator.queries.naming import require_known, variant_text
from orchestrator.queries.results import Selection
from orchestrator.queries.rows import DeviceView, MeasuredView, RunView, StudyView
from orchestrator.queries.runs import list_runs

_MOST_RUNS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a study fixed for all of its runs; `answering` is the data set that they answer in place of being timed."""

    protocol: Protocol
    inputs: Inputs
    input_shape: str
    answering: "Examples | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Which examples an accuracy study asked for."""

    dataset: str
    count: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantView:
    """A variant with its artifact; `files` with name, sha256 and size.

    `metrics` are declared, by name with value and source; `measured` are those that boards have shown of its build.
    """

    variant: str
    model: str
    label: str
    runtime: str
    threads: int
    options: Mapping[str, Any]
    format: str
    size_bytes: int
    artifact: str
    files: tuple[Mapping[str, Any], ...]
    is_baseline: bool
    metrics: Mapping[str, Mapping[str, Any]]
    measured: tuple[MeasuredView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPair:
    """Two variants of one group, A against B, corrected for all pairs of the group.

    `coverage` is what a nominal 95 % really covers, where blocks were added until intervals were narrow.
    """

    group: Group
    comparison: Comparison
    coverage: float | None


def study_terms(database: Database, study: int) -> Terms:
    """How a study was asked for; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, StudyRow.id, study, "study")
        row = session.get_one(StudyRow, study)
        return Terms(
            protocol=decode(Protocol, row.protocol),
            inputs=decode(Inputs, row.inputs),
            input_shape=row.input_shape,
            answering=_examples(session.get(EvaluationRow, study)),
        )


def _examples(row: EvaluationRow | None) -> Examples | None:
    return None if row is None else Examples(dataset=row.dataset.name, count=row.count, seed=row.seed)


def study_devices(database: Database, study: StudyView) -> tuple[DeviceView, ...]:
    """The devices of a study as they are now, by name."""
    return tuple(device for device in list_devices(database) if device.name in study.devices)


def study_variants(database: Database, study: int) -> tuple[VariantView, ...]:
    """The variants of a study, in the order in which they were made."""
    build = joinedload(VariantRow.build)
    used = select(RunRow.variant_id).where(RunRow.study_id == study)
    query = (
        select(VariantRow)
        .where(VariantRow.id.in_(used))
        .options(build.joinedload(BuildRow.artifact), build.joinedload(BuildRow.model))
        .order_by(VariantRow.id)
    )
    with database.read() as session:
        measured = read_measured(session)
        return tuple(_variant_view(row, measured) for row in session.scalars(query))


def study_runs(database: Database, study: StudyView) -> Iterator[RunView]:
    """Every run of a study, read device by device, so that memory does not grow with the farm."""
    for device in study.devices:
        yield from list_runs(database, study=study.study, device=device, limit=_MOST_RUNS)


def study_comparisons(database: Database, study: int, margin: float = MARGIN) -> tuple[GroupPair, ...]:
    """Every pair of variants in each group of a study that can be compared; raises `NotFoundError`."""
    with database.read() as session:
        groups = read_groups(session, Selection(study=study))
    found: list[GroupPair] = []
    for group, results in groups.items():
        kept, _ = split(results)
        coverage = least_coverage(kept)
        compared = compare_all([observation(result) for result in kept], margin)
        names = dict.fromkeys(name for pair in compared for name in pair)
        found += (
            GroupPair(group=group, comparison=compared[pair], coverage=coverage)
            for pair in itertools.combinations(names, 2)
        )
    return tuple(found)


def _variant_view(row: VariantRow, measured: Mapping[Answerer, Metrics]) -> VariantView:
    build = row.build
    return VariantView(
        variant=variant_text(build.label, row.runtime, row.threads, row.options),
        model=build.model.name,
        label=build.label,
        runtime=row.runtime,
        threads=row.threads,
        options=row.options,
        format=build.artifact.format,
        size_bytes=build.artifact.size_bytes,
        artifact=build.artifact.id,
        files=tuple(build.artifact.manifest.get("files", ())),
        is_baseline=build.is_baseline,
        metrics=build.metrics,
        measured=measured_views(measured, build.id),
    )
