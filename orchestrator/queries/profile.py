"""A run's profile: what its runtime said of each operator, read from the chunk that its journal brought.

It is joined with the graph of the file that ran, or that the file was made of, from the artifact store.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from agent.wire.codec import loads
from agent.wire.profile import Profiled
from orchestrator.analysis.profile import GraphWork, ProfileView, view_profile
from orchestrator.artifacts import ArtifactStore
from orchestrator.attending.journal_order import PROFILE
from orchestrator.db.model_tables import ArtifactRow, BuildRow, VariantRow
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow, StudyRow
from orchestrator.errors import ModelError, NotFoundError
from orchestrator.farm import Farm
from orchestrator.formats import ModelFormat
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import get_run, list_runs
from orchestrator.variants.work import read_work


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProfile:
    """A profile with the run that it was made in; the run's own median was measured before, without the profiler."""

    run: RunView
    profile: ProfileView


def read_profile(farm: Farm, run: str) -> RunProfile:
    """The profile of a run; raises `NotFoundError` where the run is unknown or was not profiled."""
    view = get_run(farm.database, run)
    query = (
        select(ChunkRow.blob)
        .join(AttemptRow, AttemptRow.id == ChunkRow.attempt_id)
        .where(AttemptRow.run_id == view.run, ChunkRow.kind == PROFILE)
        .order_by(AttemptRow.number.desc())
    )
    with farm.database.read() as session:
        blob = session.scalar(query.limit(1))
    if blob is None:
        raise NotFoundError(f"run: {view.run} was not profiled; make one: pifarm profile {view.model}")
    profiled = loads(Profiled, zlib.decompress(blob))
    return RunProfile(run=view, profile=view_profile(profiled, _graph_of(farm, view.run)))


def profiled_runs(farm: Farm, study: int) -> list[RunProfile]:
    """The profiles of a study, in the order of its runs."""
    runs = list_runs(farm.database, study=study)
    return [read_profile(farm, run.run) for run in runs if run.median_ms is not None]


def _graph_of(farm: Farm, run: str) -> GraphWork:
    """The work of each node, for the inputs that the run had; empty where no ONNX file is known, or its shapes not."""
    query = (
        select(ArtifactRow, StudyRow.inputs)
        .join(BuildRow, BuildRow.artifact_id == ArtifactRow.id)
        .join(VariantRow, VariantRow.build_id == BuildRow.id)
        .join(RunRow, RunRow.variant_id == VariantRow.id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .where(RunRow.id == run)
    )
    with farm.database.read() as session:
        artifact, inputs = session.execute(query).one()
        source = _graph_source(artifact)
    if source is None:
        return {}
    shapes: Mapping[str, Sequence[int]] = inputs.get("shapes", {})
    store = ArtifactStore(farm.settings.artifacts_dir)
    try:
        manifest = store.manifest(source)
        main = next(file for file in manifest.files if file.name == manifest.main)
        return read_work(store.blob(main.sha256), shapes)
    except (NotFoundError, ModelError):
        return {}


def _graph_source(artifact: ArtifactRow) -> str | None:
    """The artifact itself if it is ONNX; what it was made of if it is in ORT format, which keeps the nodes' names."""
    if artifact.format == ModelFormat.ONNX:
        return artifact.id
    parent: str | None = artifact.facts.get("lineage", {}).get("parent")
    return parent if artifact.format == ModelFormat.ORT else None
