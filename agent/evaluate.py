"""Runs a data set through a loaded model and gives back what it predicts; how right that is, the farm finds out.

One example is in memory at a time. Answers go out in chunks, so that little is lost by a cut: after `CHUNK_S`, or as
many examples or rows as a record takes. An example that cannot be answered ends it. Nothing here is timed.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.detection.decoding import Array, MisfitError
from agent.detection.detecting import detect
from agent.errors import RunFault
from agent.examples import Example, Examples
from agent.fitting import restore
from agent.runtimes import Session
from agent.wire.evaluation import (
    CLASS_ROW,
    DETECTION_ROW,
    LARGEST_FIGURE,
    MOST_ROWS,
    Evaluation,
    Predicted,
    pack_predictions,
)
from agent.wire.task import Task, TaskKind

CHUNK_S: Final = 5.0
CHUNK_EXAMPLES: Final = 64
BEST: Final = 10
Rows = list[list[float]]


class Evaluator:
    """The examples of `evaluation`, from the file at `path`, through a session; `begin` is called before each of them,
    `say` with each chunk of answers.

    Lifecycle: `run` does everything, or raises `RunFault` or what the runtime raises, and has said before what was
    answered until then.
    """

    def __init__(
        self,
        session: Session,
        evaluation: Evaluation,
        path: Path,
        *,
        begin: Callable[[], None],
        say: Callable[[Predicted], None],
    ) -> None:
        self._session, self._evaluation, self._path = session, evaluation, path
        self._begin, self._say = begin, say
        task = evaluation.task
        self._width = DETECTION_ROW if task is not None and task.kind is TaskKind.DETECTION else CLASS_ROW
        self._names: list[str] = []
        self._rows: list[Rows] = []
        self._since_s = 0.0

    def run(self) -> None:
        """Answer every example, in order."""
        examples = Examples(self._path, self._evaluation.task, self._session.inputs)
        self._since_s = time.monotonic()
        try:
            for name in self._evaluation.examples:
                self._begin()
                self._add(name, self._answer(examples.read(name)))
        finally:
            self._flush()
            examples.close()

    def _answer(self, example: Example) -> Rows:
        outputs = restore(self._session.outputs, self._session.bind(example.feeds)())
        try:
            return read_outputs(outputs, self._evaluation.task, width=example.width, height=example.height)
        except MisfitError as error:
            raise RunFault("unfit_output", str(error)) from error

    def _add(self, name: str, rows: Rows) -> None:
        if sum(map(len, self._rows)) + len(rows) > MOST_ROWS:
            self._flush()
        self._names.append(name)
        self._rows.append(rows)
        if len(self._names) >= CHUNK_EXAMPLES or time.monotonic() - self._since_s >= CHUNK_S:
            self._flush()

    def _flush(self) -> None:
        if self._names:
            self._say(pack_predictions(self._names, self._rows, self._width))
        self._names, self._rows, self._since_s = [], [], time.monotonic()


def read_outputs(outputs: Sequence[Any], task: Task | None, *, width: int, height: int) -> Rows:
    """What a network's outputs say of one example, as rows of `Predicted`; `width` and `height` are its image's.

    Detections in pixels of the image, or the `BEST` classes of the first output with their scores as they are: no
    softmax is assumed, and what has no output has no rows. Raises `MisfitError`.
    """
    arrays = [_numbers(output) for output in outputs]
    if task is not None and task.kind is TaskKind.DETECTION:
        found = detect(arrays, task, width=width, height=height)
        return _rows(np.column_stack([found.boxes, found.scores, found.classes]))
    first = arrays[0] if arrays else np.zeros(0)
    scores = first.astype(np.float64).ravel()
    if task is not None and scores.size != len(task.classes):
        expected = f"(1, {len(task.classes)}), a score for each of task.classes"
        raise MisfitError(f"output 0: expected {expected}, got {list(first.shape)}")
    if scores.size > LARGEST_FIGURE:
        raise MisfitError(f"output 0: expected at most {LARGEST_FIGURE} scores, got {scores.size}")
    best = np.argsort(-scores, kind="stable")[:BEST]
    return _rows(np.column_stack([best, scores[best]]), all_scores=scores)


def _numbers(output: Any) -> Array:
    array = np.asarray(output)
    if array.dtype.kind not in "biuf":
        raise MisfitError(f"output: expected numbers, got {array.dtype}; export the network without what follows them")
    return array


def _rows(values: Array, all_scores: Array | None = None) -> Rows:
    checked = values if all_scores is None else all_scores
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(checked.astype(np.float32)).all()
    if not is_finite:
        raise MisfitError("output: it has values that are no finite numbers; the variant is broken")
    rows: Rows = values.tolist()
    return rows
