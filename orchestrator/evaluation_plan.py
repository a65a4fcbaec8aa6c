"""Plans what an accuracy study asks of its boards: checked against model and data set before anything is stored."""

from typing import Final

from sqlalchemy import select

from agent.wire.codec import MAX_ITEMS, decode
from agent.wire.task import Task, TaskKind
from orchestrator.analysis.accuracy.truth import Labels, Truth
from orchestrator.datasets.catalog import find_dataset, numbers_of, truth_of
from orchestrator.datasets.packing import choose_images
from orchestrator.datasets.reading import DatasetKind
from orchestrator.db.model_tables import ModelRow
from orchestrator.errors import SpecError
from orchestrator.farm import Farm
from orchestrator.queries.naming import require_known
from orchestrator.studies.submission import PlannedEvaluation

MOST_EXAMPLES: Final = MAX_ITEMS
_TASK_OF: Final = {DatasetKind.DETECTION: TaskKind.DETECTION, DatasetKind.CLASSIFICATION: TaskKind.CLASSIFICATION}


def plan_evaluation(farm: Farm, model: str, dataset: str, count: int, seed: int) -> PlannedEvaluation:
    """`count` examples of a data set for a model, all where it has no more.

    Raises `NotFoundError` for names that are unknown, `SpecError` where model and data set do not fit each other.
    """
    if not 1 <= count <= MOST_EXAMPLES:
        raise SpecError(f"examples: expected 1..{MOST_EXAMPLES}, got {count}")
    with farm.database.read() as session:
        require_known(session, ModelRow.name, model, "model")
        stored = session.scalar(select(ModelRow.task).where(ModelRow.name == model))
        row = find_dataset(session, dataset)
    kind, truth = DatasetKind(row.kind), truth_of(farm, row)
    task = None if kind is DatasetKind.TENSORS else _task(model, stored, kind)
    examples = choose_images(numbers_of(truth), count, seed)
    _require_answerable(truth, task, examples)
    return PlannedEvaluation(dataset_id=row.id, dataset=row.name, task=task, seed=seed, examples=examples)


def _task(model: str, stored: object, kind: DatasetKind) -> Task:
    if stored is None:
        raise SpecError(f"model: {model} has no task file; say what its outputs mean: pifarm model task {model} FILE")
    task = decode(Task, stored)
    if task.kind is not _TASK_OF[kind]:
        raise SpecError(f"data set: it is for {kind.value}, the task of {model} is {task.kind.value}")
    return task


def _require_answerable(truth: Truth | Labels, task: Task | None, examples: tuple[int, ...]) -> None:
    if isinstance(truth, Labels):
        truth.places(() if task is None else task.classes)
        return
    known = set(truth.category_ids(() if task is None else task.classes))
    shown = set(examples)
    if not any(o.image_id in shown and o.category_id in known and not o.is_crowd for o in truth.objects):
        raise SpecError("data set: its examples have no object of the model's classes; take more, or another seed")
