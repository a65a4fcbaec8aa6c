"""Asks every variant of a model the same seeded questions, here, and compares their answers with the baseline's.

Each variant answers in a process of its own, through the agent's file for its runtime. Nothing is timed.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from orchestrator.analysis.fidelity import Fidelity, compare_answers
from orchestrator.errors import ModelError, NotFoundError, SpecError
from orchestrator.farm import Farm
from orchestrator.formats.trial import QUIET_PYTHON
from orchestrator.queries.models import get_model
from orchestrator.queries.rows import BuildView
from orchestrator.variants.make import unpacked

TIME_LIMIT_S: Final = 600.0
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
) -> Iterator[Compared]:
    """The baseline first, then every variant that is asked for, all if none is; each as soon as it is known.

    `real` is an .npz file of real inputs, an array for each by its name, to ask in place of invented ones. Raises
    `NotFoundError`, `SpecError` for such a file that does not fit, and `ModelError` where the baseline gives no answer.
    """
    view = get_model(farm.database, model)
    known = {build.label: build for build in view.builds}
    for label in variants:
        if label not in known:
            raise NotFoundError(f"variant: {model} has no {label!r}; it has {', '.join(known)}")
    baseline = next(build for build in view.builds if build.is_baseline)
    with tempfile.TemporaryDirectory(prefix="pifarm-fidelity-") as folder:
        asked = Path(folder) / "baseline.npz"
        if real is None:
            questions = ["--count", str(examples), "--seed", str(seed)]
            questions += [f"--shape={name}={','.join(map(str, shape))}" for name, shape in (shapes or {}).items()]
        else:
            questions = ["--inputs", str(_real_inputs(real, baseline, examples, Path(folder) / "real.npz"))]
        try:
            answers = _ask(farm, baseline, asked, questions)
        except ModelError as error:
            raise ModelError(f"{model}/{baseline.label}: the baseline gives no answer: {error}") from error
        yield _compared(baseline, compare_answers(answers, answers))
        for build in (known[label] for label in variants) if variants else view.builds:
            if build.is_baseline:
                continue
            try:
                found = _ask(farm, build, Path(folder) / "variant.npz", ["--inputs", str(asked)])
            except ModelError as error:
                yield _compared(build, None, str(error))
            else:
                yield _compared(build, compare_answers(answers, found))


def _real_inputs(real: Path, baseline: BuildView, most: int, target: Path) -> Path:
    """The first examples of a file under the names that the agent asks by: places, each a batch of one."""
    names = [str(tensor["name"]) for tensor in baseline.inputs]
    try:
        with np.load(real, allow_pickle=False) as arrays:
            given = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise SpecError(f"{real}: cannot be read as an .npz file of arrays: {error}") from error
    if len(names) == len(given) == 1:
        given = {names[0]: next(iter(given.values()))}
    missing = [name for name in names if name not in given or not len(given[name])]
    if missing:
        raise SpecError(f"{real}: has no examples of {', '.join(missing)}, it has {', '.join(given) or 'no array'}")
    count = min(most, *(len(given[name]) for name in names))
    np.savez(target, **{f"input{place}": given[name][:count, np.newaxis] for place, name in enumerate(names)})
    return target


def _compared(build: BuildView, fidelity: Fidelity | None, problem: str = "") -> Compared:
    return Compared(
        variant=build.label,
        runtime=build.runtimes[0],
        is_baseline=build.is_baseline,
        fidelity=fidelity,
        problem=problem,
    )


def _ask(farm: Farm, build: BuildView, output: Path, questions: Sequence[str]) -> list[Any]:
    with unpacked(farm, build) as main:
        command = [*QUIET_PYTHON, "-m", "agent", "answer", "--runtime", build.runtimes[0], "--model", str(main)]
        try:
            done = subprocess.run(
                [*command, "--output", str(output), *questions],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIME_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"no answer within {TIME_LIMIT_S:g} s") from error
    if done.returncode != 0:
        words = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
        raise ModelError(words[-1] if words else f"it ended with exit code {done.returncode}")
    with np.load(output, allow_pickle=False) as arrays:
        places = sorted((name for name in arrays.files if name.startswith("output")), key=lambda name: int(name[6:]))
        return [arrays[name] for name in places]
