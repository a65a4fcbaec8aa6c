"""What an attempt at an accuracy run answers, and what its board needs for it.

All attempts of a run together answer the examples of its study: each is asked for what no earlier one has answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.evaluation import Evaluation
from agent.wire.task import Task
from orchestrator.attending.journal_order import PREDICTED
from orchestrator.db.accuracy_tables import EvaluationRow
from orchestrator.db.columns import unpack_predicted
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The artifact with a data set's examples, as a board gets it."""

    artifact_id: str
    manifest: Mapping[str, Any]
    size_bytes: int


def data_set_of(session: Session, study_id: int) -> DataSet | None:
    """What the boards of a study need beside its variants; None for a study that answers no data set."""
    asked = session.get(EvaluationRow, study_id)
    if asked is None:
        return None
    artifact = asked.dataset.artifact
    return DataSet(artifact_id=artifact.id, manifest=artifact.manifest, size_bytes=artifact.size_bytes)


def next_evaluation(session: Session, run_id: str, attempt: int) -> Evaluation | None:
    """What an attempt is to answer: all that no earlier one has; None for a run that answers no data set.

    Where everything is answered and only the end is missing, the last example is asked for again.
    """
    study_id = select(RunRow.study_id).where(RunRow.id == run_id).scalar_subquery()
    asked = session.scalar(select(EvaluationRow).where(EvaluationRow.study_id == study_id))
    if asked is None:
        return None
    query = (
        select(ChunkRow.blob)
        .join(AttemptRow, AttemptRow.id == ChunkRow.attempt_id)
        .where(AttemptRow.run_id == run_id, AttemptRow.number < attempt, ChunkRow.kind == PREDICTED)
    )
    answered = {name for blob in session.scalars(query) for name in unpack_predicted(blob).examples}
    names = [str(number) for number in asked.examples]
    return Evaluation(
        dataset_id=asked.dataset.artifact_id,
        main_file=asked.dataset.artifact.manifest["main"],
        task=None if asked.task is None else decode(Task, asked.task),
        examples=tuple(name for name in names if name not in answered) or (names[-1],),
    )
