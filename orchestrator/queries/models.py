"""Models and their builds."""

from collections.abc import Mapping

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from orchestrator.canary.workload import MODEL as CANARY_MODEL
from orchestrator.db.model_tables import BuildRow, ModelRow
from orchestrator.db.session import Database
from orchestrator.queries.measured import Answerer, Metrics, measured_views, read_measured
from orchestrator.queries.naming import require_known
from orchestrator.queries.rows import BuildView, ModelView


def list_models(database: Database) -> tuple[ModelView, ...]:
    """Every model by name, but for the farm's own canary."""
    with database.read() as session:
        others = _models().where(ModelRow.name != CANARY_MODEL)
        measured = read_measured(session)
        return tuple(_model_view(row, measured) for row in session.scalars(others.order_by(ModelRow.name)))


def get_model(database: Database, name: str) -> ModelView:
    """One model; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, ModelRow.name, name, "model")
        row = session.scalars(_models().where(ModelRow.name == name)).one()
        return _model_view(row, read_measured(session, row.id))


def _models() -> Select[ModelRow]:
    return select(ModelRow).options(selectinload(ModelRow.builds).joinedload(BuildRow.artifact))


def _model_view(row: ModelRow, measured: Mapping[Answerer, Metrics]) -> ModelView:
    builds = tuple(_build_view(build, measured) for build in row.builds)
    return ModelView(model=row.name, created_at_s=row.created_at_s, builds=builds, task=row.task)


def _build_view(row: BuildRow, measured: Mapping[Answerer, Metrics]) -> BuildView:
    artifact = row.artifact
    return BuildView(
        label=row.label,
        format=artifact.format,
        size_bytes=artifact.size_bytes,
        artifact=artifact.id,
        is_baseline=row.is_baseline,
        metrics=row.metrics,
        inputs=tuple(artifact.facts.get("inputs", ())),
        files=tuple(file["name"] for file in artifact.manifest.get("files", ())),
        runtimes=tuple(artifact.facts.get("runtimes", ())),
        lineage=artifact.facts.get("lineage", {}),
        measured=measured_views(measured, row.id),
    )
