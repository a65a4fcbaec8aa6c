"""How right runs were that answered a data set, and how far they are with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, undefer

from orchestrator.attending.journal_order import PREDICTED
from orchestrator.db.accuracy_tables import DatasetRow, EvaluationRow, ScoreRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow
from orchestrator.queries.measured import Metrics, facts_of
from orchestrator.queries.rows import Answering, RunView
from orchestrator.queries.runs import list_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScores:
    """The scores of a run: `metrics` by name with value, source, data set and interval.

    `by_class` and `by_size` are figures by name, null where there was nothing to find; `objects` is null for classes.
    """

    run: str
    model: str
    variant: str
    device: str
    board_type: str
    simulated: bool
    dataset: str
    examples: int
    seed: int
    metrics: Metrics
    objects: int | None
    by_class: tuple[Mapping[str, Any], ...]
    by_size: tuple[Mapping[str, Any], ...]


def read_scores(database: Database, run: RunView) -> RunScores | None:
    """The scores of a run; None for one without."""
    with database.read() as session:
        row = session.scalar(_scores().where(ScoreRow.run_id == run.run))
        return None if row is None else _view(row, run)


def study_scores(database: Database, study: int) -> tuple[RunScores, ...]:
    """The scores of a study's runs, in their order."""
    with database.read() as session:
        query = _scores().join(RunRow, RunRow.id == ScoreRow.run_id).where(RunRow.study_id == study)
        rows = {row.run_id: row for row in session.scalars(query)}
        return tuple(_view(rows[run.run], run) for run in list_runs(database, study=study) if run.run in rows)


def answering(session: Session, run_id: str) -> Answering | None:
    """How far a run is; None for one that answers no data set."""
    asked = session.scalar(
        select(EvaluationRow).join(RunRow, RunRow.study_id == EvaluationRow.study_id).where(RunRow.id == run_id)
    )
    if asked is None:
        return None
    answered = (
        select(func.sum(ChunkRow.count))
        .join(AttemptRow, AttemptRow.id == ChunkRow.attempt_id)
        .where(AttemptRow.run_id == run_id, ChunkRow.kind == PREDICTED)
    )
    count = int(session.scalar(answered) or 0)
    return Answering(dataset=asked.dataset.name, answered=min(count, asked.count), examples=asked.count)


def studies_answering(session: Session, studies: Sequence[int]) -> Mapping[int, Answering]:
    """How far all runs of each study are together; studies that answer no data set are left out."""
    count = func.coalesce(func.sum(ChunkRow.count), 0)
    query = (
        select(EvaluationRow.study_id, DatasetRow.name, EvaluationRow.count, func.count(RunRow.id.distinct()), count)
        .join(DatasetRow, DatasetRow.id == EvaluationRow.dataset_id)
        .join(RunRow, RunRow.study_id == EvaluationRow.study_id)
        .outerjoin(AttemptRow, AttemptRow.run_id == RunRow.id)
        .outerjoin(ChunkRow, (ChunkRow.attempt_id == AttemptRow.id) & (ChunkRow.kind == PREDICTED))
        .where(EvaluationRow.study_id.in_(studies))
        .group_by(EvaluationRow.study_id, DatasetRow.name, EvaluationRow.count)
    )
    return {
        study: Answering(dataset=name, answered=min(int(answered), runs * wanted), examples=runs * wanted)
        for study, name, wanted, runs, answered in session.execute(query)
    }


def _scores() -> Select[ScoreRow]:
    return select(ScoreRow).options(undefer(ScoreRow.details))


def _view(row: ScoreRow, run: RunView) -> RunScores:
    return RunScores(
        run=run.run,
        model=run.model,
        variant=run.variant,
        device=run.device,
        board_type=run.board_type,
        simulated=run.simulated,
        dataset=row.dataset.name,
        examples=row.examples,
        seed=row.seed,
        metrics=facts_of(row.metrics, row.dataset.name, row.examples),
        objects=row.details["objects"],
        by_class=tuple(row.details["by_class"]),
        by_size=tuple(row.details["by_size"]),
    )
