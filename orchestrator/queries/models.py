"""Models and their builds."""

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from orchestrator.canary.workload import MODEL as CANARY_MODEL
from orchestrator.db.session import Database
from orchestrator.db.tables import BuildRow, ModelRow
from orchestrator.queries.naming import require_known
from orchestrator.queries.rows import BuildView, ModelView


def list_models(database: Database) -> tuple[ModelView, ...]:
    """Every model by name, but for the farm's own canary."""
    with database.read() as session:
        others = _models().where(ModelRow.name != CANARY_MODEL)
        return tuple(map(_model_view, session.scalars(others.order_by(ModelRow.name))))


def get_model(database: Database, name: str) -> ModelView:
    """One model; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, ModelRow.name, name, "model")
        return _model_view(session.scalars(_models().where(ModelRow.name == name)).one())


def _models() -> Select[ModelRow]:
    return select(ModelRow).options(selectinload(ModelRow.builds).joinedload(BuildRow.artifact))


def _model_view(row: ModelRow) -> ModelView:
    builds = tuple(map(_build_view, row.builds))
    return ModelView(model=row.name, created_at_s=row.created_at_s, builds=builds, task=row.task)


def _build_view(row: BuildRow) -> BuildView:
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
    )
