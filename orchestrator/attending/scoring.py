"""How right the answers of a run were: all of its attempts' chunks against what is right about the data set.

Derived, and made again by `rescore_all`. Takes seconds for thousands of images, so no transaction is open meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.detection.detecting import Detections
from agent.wire.codec import decode, encode, require
from agent.wire.evaluation import CLASS_ROW, DETECTION_ROW
from agent.wire.task import Task
from orchestrator.analysis.accuracy.classifying import score_classes
from orchestrator.analysis.accuracy.figures import Figures, figures_of_classes, figures_of_detections
from orchestrator.analysis.accuracy.scoring import score_detections
from orchestrator.analysis.accuracy.truth import Truth
from orchestrator.attending.journal_order import PREDICTED
from orchestrator.datasets.catalog import truth_of
from orchestrator.datasets.truth_file import Known
from orchestrator.db.accuracy_tables import EvaluationRow, ScoreRow
from orchestrator.db.clock import now_s
from orchestrator.db.columns import unpack_predicted
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow
from orchestrator.farm import Farm

CHUNKS_A_STEP: Final = 16
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The figures of a run, and what they are of."""

    run_id: str
    dataset_id: int
    seed: int
    figures: Figures


def score_run(farm: Farm, run_id: str, step: Callable[[], None] = lambda: None) -> Scored:
    """The figures of a run whose answers are all here; `step` is called every few seconds of work.

    Raises `WireError` where an answer is missing or none that its board was asked for, `SpecError` and `ModelError` for
    what cannot be scored.
    """
    with farm.database.read() as session:
        asked = session.scalars(
            select(EvaluationRow).join(RunRow, RunRow.study_id == EvaluationRow.study_id).where(RunRow.id == run_id)
        ).one()
        examples, dataset = [int(number) for number in asked.examples], asked.dataset
        task = None if asked.task is None else decode(Task, asked.task)
    truth = truth_of(farm, dataset)
    width = DETECTION_ROW if isinstance(truth, Truth) else CLASS_ROW
    answers = _answers(farm.database, run_id, set(examples), width, step)
    missing = [number for number in examples if number not in answers]
    require(not missing, "journal", "an answer to each example", f"none to {missing[:1]} and {len(missing) - 1} others")
    figures = _figures(truth, task, examples, answers, step)
    return Scored(run_id=run_id, dataset_id=dataset.id, seed=asked.seed, figures=figures)


def store_scores(session: Session, scored: Scored) -> None:
    """Keep the figures of a run, in place of earlier ones, in the caller's transaction."""
    figures = scored.figures
    session.merge(
        ScoreRow(
            run_id=scored.run_id,
            dataset_id=scored.dataset_id,
            seed=scored.seed,
            examples=figures.examples,
            metrics=encode(figures.metrics),
            details=dict(figures.details),
            scored_at_s=session.scalar(select(now_s())),
        )
    )


def rescore_all(farm: Farm) -> int:
    """Score every run again that was scored; returns how many. Answers stay as they are."""
    with farm.database.read() as session:
        ids = session.scalars(select(ScoreRow.run_id)).all()
    for run_id in ids:
        scored = score_run(farm, run_id)
        with farm.database.write() as session:
            store_scores(session, scored)
    return len(ids)


def _figures(
    truth: Known,
    task: Task | None,
    examples: Sequence[int],
    answers: Mapping[int, Floats],
    step: Callable[[], None],
) -> Figures:
    names = () if task is None else task.classes
    if isinstance(truth, Truth):
        found = {number: _detections(answers[number], len(names)) for number in examples}
        return figures_of_detections(score_detections(truth, found, names, step))
    places = truth.places(names)
    ranked = [[(place, score) for place, score in answers[number].tolist()] for number in examples]
    scores = score_classes(ranked, [places[number] for number in examples], len(names) or None)
    return figures_of_classes(scores, names)


def _detections(rows: Floats, classes: int) -> Detections:
    places = rows[:, 5].astype(np.int64)
    require(bool((places < classes).all()), "journal", f"classes 0..{classes - 1}", int(places.max(initial=0)))
    return Detections(boxes=rows[:, :4], scores=rows[:, 4], classes=places)


def _answers(
    database: Database, run_id: str, asked: set[int], width: int, step: Callable[[], None]
) -> dict[int, Floats]:
    """The first answer to each example that was asked for, (rows, width)."""
    found: dict[int, Floats] = {}
    for place, blob in enumerate(_chunks(database, run_id)):
        if place % CHUNKS_A_STEP == 0:
            step()
        predicted = unpack_predicted(blob)
        require(predicted.width == width, "journal", f"answers of {width} numbers a row", predicted.width)
        for name, rows in zip(predicted.examples, predicted.rows(), strict=True):
            number = int(name) if name.isdecimal() else -1
            if number in asked and number not in found:
                found[number] = np.array(rows, np.float64).reshape(-1, width)
    return found


def _chunks(database: Database, run_id: str) -> Iterator[bytes]:
    """The chunks of answers of all attempts, in order, one at a time."""
    query = (
        select(ChunkRow.attempt_id, ChunkRow.seq)
        .join(AttemptRow, AttemptRow.id == ChunkRow.attempt_id)
        .where(AttemptRow.run_id == run_id, ChunkRow.kind == PREDICTED)
        .order_by(AttemptRow.number, ChunkRow.seq)
    )
    with database.read() as session:
        keys = session.execute(query).all()
    for attempt_id, seq in keys:
        with database.read() as session:
            yield session.get_one(ChunkRow, (attempt_id, seq)).blob
