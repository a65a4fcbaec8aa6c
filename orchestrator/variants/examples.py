"""Examples of real inputs, for calibrating and for comparing: an .npz file with an array for each input of a network.

Examples lie along the first axis, each as the network takes it without its batch axis. What does not fit is refused
before anything is asked of the network, with what was expected and what came.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.errors import SpecError
from orchestrator.formats import TensorInfo

Array = npt.NDArray[Any]


def read_examples(path: Path, inputs: Sequence[TensorInfo]) -> dict[str, Array]:
    """Each input's examples by its name, in its type: (examples, batch, ...), as many of each.

    A file with one array serves a network with one input, whatever the array is called. A batch is of the size that
    the network fixes, of one where it leaves that open; examples that fill none are left out. Raises `SpecError`.
    """
    given = _read(path)
    if len(inputs) == len(given) == 1:
        given = {inputs[0].name: next(iter(given.values()))}
    missing = [each.name for each in inputs if each.name not in given]
    if missing:
        raise SpecError(f"{path}: has no examples of {', '.join(missing)}, it has {', '.join(given) or 'no array'}")
    counts = {each.name: given[each.name].shape[:1] for each in inputs}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{len(given[name])} of {name}" for name, count in counts.items() if count)
        raise SpecError(f"{path}: expected as many examples of each input, got {told}")
    return {each.name: _batches(path, each, _fitting(path, each, given[each.name])) for each in inputs}


def _read(path: Path) -> Mapping[str, Array]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise SpecError(f"{path}: is one array without a name; save it by numpy.savez(FILE, INPUT=array)")
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SpecError(f"{path}: cannot be read as an .npz file of plain arrays: {error}") from error


def _fitting(path: Path, wanted: TensorInfo, array: Array) -> Array:
    """The array in the input's type; refused where its shape, type or values are none that the input takes."""
    dtype = _numpy_dtype(wanted.dtype)
    if dtype is not None and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise SpecError(f"{path}: input {wanted.name}: expected {wanted.dtype}, got {array.dtype}")
    if not _has_shape(array, wanted.shape):
        expected, got = [each or "any" for each in (wanted.shape or ())[1:]], list(array.shape[1:])
        raise SpecError(f"{path}: input {wanted.name}: expected examples of shape {expected}, got {got}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SpecError(f"{path}: input {wanted.name}: has values that are no finite numbers; leave those examples out")
    return array if dtype is None else array.astype(dtype, copy=False)


def _numpy_dtype(name: str) -> np.dtype[Any] | None:
    """None for what numpy has no type for, such as text."""
    try:
        return np.dtype(name)
    except TypeError:
        return None


def _has_shape(array: Array, shape: Sequence[int | str | None] | None) -> bool:
    """Whether the sizes after the first, along which the examples lie, are those that are fixed."""
    if shape is None:
        return array.ndim > 0
    return 0 < array.ndim == len(shape) and all(
        not isinstance(size, int) or size == given for size, given in zip(shape[1:], array.shape[1:], strict=True)
    )


def _batches(path: Path, wanted: TensorInfo, array: Array) -> Array:
    first = wanted.shape[0] if wanted.shape else None
    batch = first if isinstance(first, int) else 1
    count = len(array) // batch
    if not count:
        raise SpecError(f"{path}: input {wanted.name}: expected at least {batch} examples, got {len(array)}")
    return array[: count * batch].reshape(count, batch, *array.shape[1:])
