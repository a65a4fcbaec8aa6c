"""Asks every variant of a model the same questions, and compares their answers with the baseline's.

The baseline answers here, the others here or on a board; there the baseline itself is asked once more.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.wire.codec import decode
from agent.wire.task import Task
from orchestrator.analysis.fidelity import Fidelity, compare_answers
from orchestrator.errors import ModelError, NotFoundError
from orchestrator.farm import Farm
from orchestrator.formats import ModelFormat, TensorInfo
from orchestrator.queries.models import get_model
from orchestrator.queries.rows import BuildView
from orchestrator.variants.answering import Answerer, Here
from orchestrator.variants.examples import read_examples

EXAMPLES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A variant beside the baseline; without `fidelity`, `problem` says why it could not be asked."""

    variant: str
    runtime: str
    is_baseline: bool
    fidelity: Fidelity | None
    problem: str = ""


def compare_variants(
    farm: Farm,
    model: str,
    *,
    variants: Sequence[str] = (),
    examples: int = EXAMPLES,
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] | None = None,
    real: Path | None = None,
    task: Task | None = None,
    board: Answerer | None = None,
) -> Iterator[Compared]:
    """The baseline first, then every variant that is asked for, all if none is; each as soon as it is known.

    `real` is an .npz file of real inputs, an array for each by its name, to ask in place of invented ones; `task` says
    how a detector's boxes are read, where the model's own task is not to; `board` is who answers for the variants, this
    machine if nobody is named. Raises `NotFoundError`, `SpecError` for such a file that does not fit, and `ModelError`
    where the baseline gives no answer, or none that fits the task.
    """
    view = get_model(farm.database, model)
    known = {build.label: build for build in view.builds}
    for label in variants:
        if label not in known:
            raise NotFoundError(f"variant: {model} has no {label!r}; it has {', '.join(known)}")
    baseline = next(build for build in view.builds if build.is_baseline)
    wanted = [known[label] for label in variants] if variants else view.builds
    meaning = decode(Task, view.task) if task is None and view.task is not None else task
    here = Here(farm=farm)
    with tempfile.TemporaryDirectory(prefix="pifarm-fidelity-") as folder:
        asked, told = Path(folder) / "baseline.npz", Path(folder) / "variant.npz"
        if real is None:
            questions = _invented(examples, seed, shapes or {})
        else:
            questions = ["--inputs", str(_real_inputs(real, baseline, examples, Path(folder) / "real.npz"))]
        try:
            answers = here.tell(baseline, questions, asked)
        except ModelError as error:
            raise ModelError(f"{model}/{baseline.label}: the baseline gives no answer: {error}") from error
        yield _compared(baseline, compare_answers(answers, answers, meaning, are_real=real is not None))
        for build in wanted:
            if build.is_baseline and board is None:
                continue
            try:
                found = (board or here).ask(build, asked, told)
            except ModelError as error:
                yield _compared(build, None, str(error), is_baseline=False)
            else:
                yield _compared(
                    build, compare_answers(answers, found, meaning, are_real=real is not None), is_baseline=False
                )


def _invented(examples: int, seed: int, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    given = [f"--shape={name}={','.join(map(str, shape))}" for name, shape in shapes.items()]
    return ["--count", str(examples), "--seed", str(seed), *given]


def _real_inputs(real: Path, baseline: BuildView, most: int, target: Path) -> Path:
    """The first examples of a file under the names that the agent asks by, which are places."""
    has_batch = baseline.format != ModelFormat.NCNN
    infos = [_info(tensor, has_batch=has_batch) for tensor in baseline.inputs]
    examples = read_examples(real, infos)
    by_place: dict[str, Any] = {f"input{place}": examples[info.name][:most] for place, info in enumerate(infos)}
    np.savez(target, **by_place)
    return target


def _info(tensor: Mapping[str, Any], *, has_batch: bool) -> TensorInfo:
    shape = tuple(tensor["shape"]) if has_batch and tensor["shape"] is not None else None
    return TensorInfo(name=str(tensor["name"]), dtype=str(tensor["dtype"]), shape=shape)


def _compared(build: BuildView, fidelity: Fidelity | None, problem: str = "", *, is_baseline: bool = True) -> Compared:
    return Compared(
        variant=build.label,
        runtime=build.runtimes[0],
        is_baseline=is_baseline,
        fidelity=fidelity,
        problem=problem,
    )
