"""The farm's data sets."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from orchestrator.db.accuracy_tables import DatasetRow, EvaluationRow
from orchestrator.db.session import Database
from orchestrator.queries.naming import require_known


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """A data set; `objects` is null where examples have a class and no objects, `studies` counts those that used it.

    `classes` are names, in order of the data set's own numbers; empty where labels are places among outputs.
    """

    dataset: str
    kind: str
    examples: int
    objects: int | None
    classes: tuple[str, ...]
    size_bytes: int
    artifact: str
    created_at_s: float
    studies: int


def list_datasets(database: Database) -> tuple[DatasetView, ...]:
    """Every data set by name."""
    with database.read() as session:
        return tuple(_view(row, studies) for row, studies in session.execute(_datasets().order_by(DatasetRow.name)))


def get_dataset(database: Database, name: str) -> DatasetView:
    """One data set; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, DatasetRow.name, name, "data set")
        return _view(*session.execute(_datasets().where(DatasetRow.name == name)).one())


def _datasets() -> Select[DatasetRow, int]:
    studies = select(func.count()).where(EvaluationRow.dataset_id == DatasetRow.id).scalar_subquery()
    return select(DatasetRow, studies)


def _view(row: DatasetRow, studies: int) -> DatasetView:
    return DatasetView(
        dataset=row.name,
        kind=row.kind,
        examples=row.examples,
        objects=row.objects,
        classes=tuple(map(str, row.classes)),
        size_bytes=row.artifact.size_bytes,
        artifact=row.artifact_id,
        created_at_s=row.created_at_s,
        studies=studies,
    )
