"""Reads an .npz file of ready-made inputs: an array for each input of a network, and their `labels`.

Examples lie along the first axis, as in the files that calibrate. Arrays are read a piece at a time, so that a file may
be larger than memory.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.accuracy.truth import Labels
from orchestrator.datasets.packing import Progress, packed
from orchestrator.errors import SpecError

LABELS: Final = "labels"
_NUMBERS: Final = "biuf"
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """A data set of ready-made inputs: the labels of its examples, which are numbered from 0 on, and its inputs."""

    path: Path
    truth: Labels
    inputs: tuple[str, ...]

    def pack(self, path: Path, progress: Progress | None = None) -> None:
        """Write each example as arrays of its own, with a batch of one; raises `SpecError`."""
        count, done = len(self.truth.by_example), 0
        with packed(path) as add:
            for name in self.inputs:
                for number, values in enumerate(_examples(self.path, name)):
                    add(str(number) if len(self.inputs) == 1 else f"{number}/{name}", values)
                    done += 1
                    if progress is not None:
                        progress(done, count * len(self.inputs))


def read_tensors(path: Path) -> TensorFile:
    """The data set in a file; raises `SpecError` that names the array and what was expected."""
    shapes = _shapes(path)
    inputs = tuple(name for name in shapes if name != LABELS)
    if LABELS not in shapes or not inputs:
        came = ", ".join(shapes) or "none"
        raise SpecError(f"{path}: expected an array for each input of the network and {LABELS!r}, got {came}")
    labels = _labels(path)
    for name in inputs:
        if shapes[name][:1] != (len(labels),):
            came = f"{list(shapes[name])}; each example lies along the first axis"
            raise SpecError(f"{path}: array {name!r}: expected one for each of {len(labels)} labels, got {came}")
    return TensorFile(path=path, truth=Labels(by_example=dict(enumerate(labels))), inputs=inputs)


def _shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise SpecError(f"{path}: cannot be read as an .npz file: {error}") from error
    shapes = {}
    for name in names:
        with _opened(path, name) as (_, shape, _):
            shapes[name] = shape
    return shapes


def _labels(path: Path) -> list[int]:
    with _opened(path, LABELS) as (file, shape, dtype):
        if dtype.kind not in "iu" or len(shape) != 1 or not shape[0]:
            raise SpecError(f"{path}: {LABELS}: expected whole numbers (examples,), got {dtype} {list(shape)}")
        labels = np.frombuffer(_read(path, LABELS, file, shape[0] * dtype.itemsize), dtype)
    if labels.min() < 0:
        raise SpecError(f"{path}: {LABELS}: expected places among the network's outputs, from 0 on, got {labels.min()}")
    return [int(each) for each in labels]


def _examples(path: Path, name: str) -> Iterator[Array]:
    """Each example of an input, (1, ...)."""
    with _opened(path, name) as (file, shape, dtype):
        each = math.prod(shape[1:]) * dtype.itemsize
        for _ in range(shape[0]):
            values = np.frombuffer(_read(path, name, file, each), dtype).reshape(1, *shape[1:])
            if dtype.kind == "f" and not np.isfinite(values).all():
                raise SpecError(f"{path}: array {name!r}: has values that are no finite numbers; leave them out")
            yield values


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
    """An array's bytes behind its header, its shape and its type."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, is_fortran, dtype = read(file)
            if dtype.kind not in _NUMBERS or (is_fortran and len(shape) > 1):
                kind = f"{dtype}{' in the order of Fortran' if is_fortran else ''}"
                raise SpecError(f"{path}: array {name!r}: expected numbers in the order of C, got {kind}")
            yield file, shape, dtype
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SpecError(f"{path}: array {name!r} cannot be read; save it by numpy.savez: {error}") from error


def _read(path: Path, name: str, file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise SpecError(f"{path}: array {name!r} ends early; save the file again")
    return data
