"""The examples of a data set as a network is fed them, read one at a time from the .npz file that was staged.

With a task an example is an image, an array of its name, made the network's one input by `agent.tasks`. Without one it
is ready: an array ``EXAMPLE/INPUT`` for each input, or one called ``EXAMPLE`` where the network has a single input.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.errors import RunFault
from agent.fitting import Tensor, fit
from agent.runtimes import Feeds, Signature
from agent.tasks import prepare
from agent.wire.spec import Inputs
from agent.wire.task import CHANNELS, ImageInput, Layout, Task

_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def first_inputs(wanted: Inputs, task: Task | None, inputs: Sequence[Signature]) -> Inputs:
    """How to invent the first input of a network that is asked about images: where it leaves its shape open, of the
    size that the task makes, unless another is wanted. Raises `RunFault` where that does not fit."""
    if task is None or len(inputs) != 1 or inputs[0].name in wanted.shapes:
        return wanted
    (only,), image = inputs, task.image
    if only.shape is not None and all(isinstance(size, int) for size in only.shape):
        return wanted
    sizes = (image.height, image.width)
    shape = (1, CHANNELS, *sizes) if image.layout is Layout.NCHW else (1, *sizes, CHANNELS)
    return replace(wanted, shapes={**wanted.shapes, only.name: fit(only, np.zeros(shape, np.float32)).shape})


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is fed, and the size of the image in pixels that it was made from; 0 where it is no image."""

    feeds: Feeds
    width: int = 0
    height: int = 0


class Examples:
    """The open file of a data set, and the inputs that its examples are for.

    Lifecycle: made open, raising `RunFault` where it cannot be; `read` as often as wanted; `close`.
    """

    def __init__(self, path: Path, task: Task | None, inputs: Sequence[Signature]) -> None:
        self._image = None if task is None else task.image
        self._inputs = inputs
        if task is not None and len(inputs) != 1:
            names = ", ".join(each.name for each in inputs)
            raise RunFault("unfit_input", f"task: it makes one input, the network has {len(inputs)}: {names}")
        try:
            self._arrays = np.lib.npyio.NpzFile(path)  # type: ignore[arg-type]  # numpy takes a path, too
        except _UNREADABLE as error:
            raise RunFault("bad_example", f"{path.name}: cannot be read as an .npz file: {error}") from error
        self._names = frozenset(self._arrays.files)

    def read(self, name: str) -> Example:
        """One example; raises `RunFault` where it is not there, cannot be read, or does not fit the network."""
        if self._image is not None:
            return self._image_of(name, self._image)
        if len(self._inputs) == 1 and name in self._names:
            return Example(feeds={self._inputs[0].name: fit(self._inputs[0], self._array(name))})
        return Example(feeds={each.name: fit(each, self._array(f"{name}/{each.name}")) for each in self._inputs})

    def close(self) -> None:
        """Close the file."""
        self._arrays.close()

    def _image_of(self, name: str, wanted: ImageInput) -> Example:
        levels = self._array(name)
        try:
            prepared = prepare(levels, wanted)
        except ValueError as error:
            raise RunFault("bad_example", str(error)) from error
        height, width = levels.shape[:2]
        return Example(feeds={self._inputs[0].name: fit(self._inputs[0], prepared)}, width=width, height=height)

    def _array(self, name: str) -> Tensor:
        if name not in self._names:
            raise RunFault("bad_example", f"the data set has no array {name!r}, only {len(self._names)} others")
        try:
            return np.asarray(self._arrays[name])
        except _UNREADABLE as error:
            raise RunFault("bad_example", f"array {name!r}: cannot be read: {error}") from error
