"""Tensors brought into the form in which a format declares an input: its type, its layout, with a batch or without;
and outputs brought back from it.

A task or another variant says what a network is fed; each format has its own manner of it. What would lose a value, or
fits in no manner, is refused by name.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agent.errors import RunFault
from agent.runtimes import Signature

Tensor = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int | str | None, ...]
_NUMBERS = "biuf"


def fit(signature: Signature, tensor: Tensor) -> Tensor:
    """The tensor for that input: a batch of one added or left out, channels moved to the end where that is declared.

    An input of floating point takes any numbers, rounded. One that is quantised by a scale takes them by it, the range
    being its limit. Another one takes only whole numbers that it can hold. An input whose shape is not declared gets
    the tensor as it is. Raises `RunFault`.
    """
    typed = _cast(signature, tensor)
    declared = signature.shape
    if declared is None:
        return typed
    fitting = next((layout for layout in _layouts(typed) if _fits(declared, layout.shape)), None)
    if fitting is None:
        raise RunFault(
            "unfit_input",
            f"input {signature.name}: the network takes {list(declared)}, the example has {list(tensor.shape)}; their "
            "sizes have to be the same, and a batch 1: change the task file or the data, or export the network again",
        )
    return np.asarray(fitting, order="C")


def restore(signatures: Sequence[Signature], outputs: Sequence[Any]) -> list[Any]:
    """Outputs in order, float32 where they are quantised by a scale, else as they came."""
    unnamed = [Signature(name="", dtype="", shape=None)] * max(0, len(outputs) - len(signatures))
    known = [*signatures, *unnamed][: len(outputs)]
    return [_restored(each, output) for each, output in zip(known, outputs, strict=True)]


def _restored(signature: Signature, output: Any) -> Any:
    scale = signature.quantised
    return output if scale is None else (output.astype(np.float32) - scale.zero) * np.float32(scale.scale)


def _cast(signature: Signature, tensor: Tensor) -> Tensor:
    try:
        wanted = np.dtype(signature.dtype)
    except TypeError:
        wanted = np.dtype(object)
    if wanted.kind not in _NUMBERS or tensor.dtype.kind not in _NUMBERS:
        types = f"the network takes {signature.dtype}, the example has {tensor.dtype}"
        raise RunFault("unfit_input", f"input {signature.name}: expected numbers, {types}")
    scale = signature.quantised
    if scale is not None and tensor.dtype.kind == "f" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        numbers: Tensor = np.clip(np.rint(tensor / scale.scale) + scale.zero, limits.min, limits.max).astype(wanted)
        return numbers
    with np.errstate(invalid="ignore", over="ignore"):
        typed = tensor.astype(wanted, copy=False)
    if wanted.kind != "f" and not np.array_equal(typed, tensor):
        raise RunFault(
            "unfit_input",
            f"input {signature.name}: the network takes {wanted}, the example has numbers of {tensor.min():g} to "
            f"{tensor.max():g} that it cannot hold; where images are fed as they are, image.divisor is 1 in the task",
        )
    return typed


def _layouts(tensor: Tensor) -> Iterator[Tensor]:
    yield tensor
    if tensor.ndim and len(tensor) == 1:
        yield tensor[0]
    if tensor.ndim == 4:
        yield np.moveaxis(tensor, 1, -1)
    yield tensor[np.newaxis]


def _fits(declared: Shape, came: tuple[int, ...]) -> bool:
    return len(declared) == len(came) and all(
        not isinstance(size, int) or size == given for size, given in zip(declared, came, strict=True)
    )
