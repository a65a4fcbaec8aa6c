"""What a board is asked about a data set, and what it answers: names of examples go out, predictions come back.

`Evaluation` is part of a `RunSpec`; such a run has no window but answers examples after its first inference.
`Predicted` is a record of its own, a chunk of answers in order. How right they are is not the board's business.
"""

import math
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from agent.wire.codec import MAX_ITEMS, require
from agent.wire.inflating import inflate
from agent.wire.names import is_hash, is_relative_name
from agent.wire.task import MOST_DETECTIONS, Task

MAX_EXAMPLE_NAME: Final = 200
MOST_IN_CHUNK: Final = 1024
MOST_ROWS: Final = 65_536  # of a chunk: 1.5 MiB before they are deflated
DETECTION_ROW: Final = 6
CLASS_ROW: Final = 2
LARGEST_FIGURE: Final = 2**24  # of classes and pixels: whole numbers up to it are exact
_CLASS_COLUMN: Final = {DETECTION_ROW: 5, CLASS_ROW: 0}
_BOX_COLUMNS: Final = {DETECTION_ROW: 4, CLASS_ROW: 0}
_FLOAT_BYTES: Final = 4

Row = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """That a run answers examples of a data set, in that order.

    `dataset_id` names the folder ``artifacts/<dataset_id>/`` in the agent's home, `main_file` the .npz file in it. With
    a `task` its arrays are images, each called by its example; without one they are inputs as the network takes them,
    called ``EXAMPLE/INPUT``, or ``EXAMPLE`` alone where the network has one input.
    """

    dataset_id: str
    main_file: str
    task: Task | None
    examples: tuple[str, ...]

    def __post_init__(self) -> None:
        require(is_hash(self.dataset_id), "dataset_id", "a hexadecimal hash", self.dataset_id)
        require(is_relative_name(self.main_file), "main_file", "a relative name", self.main_file)
        require(1 <= len(self.examples) <= MAX_ITEMS, "examples", f"1..{MAX_ITEMS}", len(self.examples))
        _require_names(self.examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A chunk of answers in order: `counts` says how many rows each of the `examples` has.

    `values` is one zlib stream of 4 x `width` x (all rows) bytes: column by column of the rows, single precision, cut
    into four byte planes, the lowest bytes of all numbers first. A row of `width` 6 is a detection: left, top, right,
    bottom in pixels of the example's image, score, class; one of 2 is a class and its score, as the network gave it,
    best first. Classes are numbers from 0 on.
    """

    examples: tuple[str, ...]
    counts: tuple[int, ...]
    width: int
    values: bytes

    def __post_init__(self) -> None:
        require(1 <= len(self.examples) <= MOST_IN_CHUNK, "examples", f"1..{MOST_IN_CHUNK}", len(self.examples))
        _require_names(self.examples)
        require(len(self.counts) == len(self.examples), "counts", "as many as examples", len(self.counts))
        require(min(self.counts) >= 0, "counts", "0 or more", min(self.counts))
        require(max(self.counts) <= MOST_DETECTIONS, "counts", f"at most {MOST_DETECTIONS}", max(self.counts))
        require(sum(self.counts) <= MOST_ROWS, "counts", f"at most {MOST_ROWS} in all", sum(self.counts))
        require(self.width in _CLASS_COLUMN, "width", f"{CLASS_ROW} or {DETECTION_ROW}", self.width)
        columns = self._columns()
        is_finite = all(math.isfinite(value) for column in columns for value in column)
        require(is_finite, "values", "finite numbers", "others")
        classes = columns[_CLASS_COLUMN[self.width]]
        require(all(map(float.is_integer, classes)), "values", "classes that are whole numbers", "others")
        for column in (classes, *columns[: _BOX_COLUMNS[self.width]]):
            least, most = min(column, default=0), max(column, default=0)
            require(least >= 0, "values", "classes and pixels of 0 or more", least)
            require(most <= LARGEST_FIGURE, "values", f"classes and pixels up to {LARGEST_FIGURE}", most)

    def rows(self) -> tuple[tuple[Row, ...], ...]:
        """The rows of each example, in order."""
        rows = zip(*self._columns(), strict=True)
        return tuple(tuple(islice(rows, count)) for count in self.counts)

    def _columns(self) -> "tuple[array[float], ...]":
        total = sum(self.counts)
        planes = inflate(self.values, _FLOAT_BYTES * self.width * total, "values")
        data = bytearray(len(planes))
        for byte in range(_FLOAT_BYTES):
            data[byte::_FLOAT_BYTES] = planes[byte * self.width * total : (byte + 1) * self.width * total]
        numbers = array("f", bytes(data))
        if sys.byteorder == "big":
            numbers.byteswap()
        return tuple(numbers[place * total : (place + 1) * total] for place in range(self.width))


def pack_predictions(examples: Sequence[str], rows: Sequence[Sequence[Sequence[float]]], width: int) -> Predicted:
    """The chunk of those examples, whose rows of `width` numbers are given for each; `rows` of it gives them back, in
    single precision. Raises `WireError` for what no chunk may hold."""
    flat = [row for each in rows for row in each]
    numbers = array("f", [row[place] for place in range(width) for row in flat])
    if sys.byteorder == "big":
        numbers.byteswap()
    data = numbers.tobytes()
    planes = b"".join(data[byte::_FLOAT_BYTES] for byte in range(_FLOAT_BYTES))
    return Predicted(
        examples=tuple(examples), counts=tuple(len(each) for each in rows), width=width, values=zlib.compress(planes)
    )


def _require_names(examples: Sequence[str]) -> None:
    for name in examples:
        is_name = len(name) <= MAX_EXAMPLE_NAME and is_relative_name(name)
        require(is_name, "examples", f"relative names of at most {MAX_EXAMPLE_NAME} characters", name)
    require(len(set(examples)) == len(examples), "examples", "each name once", len(examples))
