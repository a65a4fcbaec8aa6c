"""What a model answers to a few inputs, untimed: for comparing the variants of one network with each other.

Inputs are invented from a seed, or taken from a file that an earlier call wrote: by their place, since each format
names inputs its own way. A format without a batch axis gets them without it, one with channels last transposed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import RunFault
from agent.fitting import fit, restore
from agent.inputs import invent_inputs
from agent.runtimes import Session, load_runtime
from agent.wire.spec import Inputs

MOST_ANSWERS = 1000
_NUMBERS = "biuf"


def answer(runtime: str, model: Path, output: Path, *, given: Path | None, count: int, inputs: Inputs) -> None:
    """Write an .npz file: ``input0`` ... and ``output0`` ..., the examples along a new first axis.

    Outputs that are no tensors of numbers, such as maps, or whose shape is another for each example, are left out.
    Raises `RunFault`, also where none is left.
    """
    if not 1 <= count <= MOST_ANSWERS:
        raise RunFault("unknown_input", f"--count: expected 1..{MOST_ANSWERS}, got {count}")
    loaded = load_runtime(runtime)
    session = loaded.load(model, 1, {})
    examples = _invent(session, count, inputs) if given is None else _take(given)
    try:
        answers = [session.bind(_fit(session.inputs, example))() for example in examples]
    except loaded.errors as error:
        raise RunFault("inference_failed", f"{model.name}: an inference failed: {error}") from error
    outputs = _stacked("output", [restore(session.outputs, each) for each in answers])
    if not outputs:
        raise RunFault(
            "unfit_output",
            f"{model.name}: none of its outputs is a tensor of numbers of one shape, so there is nothing to compare; "
            "export it without what picks, names or sorts its answers",
        )
    np.savez(output, **_stacked("input", examples), **outputs)


def _invent(session: Session, count: int, inputs: Inputs) -> list[list[Any]]:
    seeds = [Inputs(seed=(inputs.seed + number) % 2**32, shapes=inputs.shapes) for number in range(count)]
    return [list(invent_inputs(session.inputs, seed).values()) for seed in seeds]


def _take(given: Path) -> list[list[Any]]:
    with np.load(given, allow_pickle=False) as arrays:
        places = sorted((name for name in arrays.files if name.startswith("input")), key=lambda name: int(name[5:]))
        return [list(example) for example in zip(*(arrays[name] for name in places), strict=True)]


def _fit(signatures: Any, example: list[Any]) -> dict[str, Any]:
    if len(signatures) != len(example):
        raise RunFault("unknown_input", f"expected {len(signatures)} inputs, got {len(example)}")
    return {each.name: fit(each, tensor) for each, tensor in zip(signatures, example, strict=True)}


def _stacked(name: str, examples: list[list[Any]]) -> dict[str, Any]:
    columns = enumerate(zip(*examples, strict=True))
    return {f"{name}{place}": np.stack(arrays) for place, arrays in columns if _can_be_stacked(arrays)}


def _can_be_stacked(arrays: Sequence[Any]) -> bool:
    are_numbers = all(isinstance(array, np.ndarray) and array.dtype.kind in _NUMBERS for array in arrays)
    return are_numbers and len({array.shape for array in arrays}) == 1
