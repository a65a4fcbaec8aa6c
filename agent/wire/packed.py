"""Inferences in few bytes: what a journal holds of `Inferences` since version 4.

Gaps and durations are counted in units and cut into byte planes, the lowest bytes of all values first: the upper planes
are nearly empty, so that zlib leaves little more than the noise itself. Lossless. Reading trusts nothing: how much has
to come out is known before, and no more than that is ever inflated.
"""

import operator
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from agent.wire.codec import MAX_ITEMS, WireError, require
from agent.wire.records import Inferences, Phase

_WIDTH = 8  # bytes of a value
_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedInferences:
    """A chunk of `count` raw inferences in order, the first of which started at `start_ns`; all times in `unit_ns`.

    `columns` is one zlib stream of 8 (2 count - 1) bytes: `count` - 1 gaps, from the end of an inference to the start
    of the next, then `count` durations. Each column is eight byte planes, the lowest bytes of all its values first.
    None starts before the one before it has ended. `segment` as in `Inferences`.
    """

    phase: Phase
    first_index: int
    start_ns: int
    count: int
    columns: bytes
    unit_ns: int = 1
    segment: int = 0

    def __post_init__(self) -> None:
        require(1 <= self.count <= MAX_ITEMS, "count", f"1..{MAX_ITEMS}", self.count)

    def unpacked(self) -> Inferences:
        """The inferences; raises `WireError` unless `columns` hold just as many."""
        planes = _inflate(self.columns, _WIDTH * (2 * self.count - 1))
        edge = _WIDTH * (self.count - 1)
        durations = [value * self.unit_ns for value in _from_planes(planes[edge:])]
        steps = [0] * (2 * self.count - 1)
        steps[0::2] = durations
        steps[1::2] = [value * self.unit_ns for value in _from_planes(planes[:edge])]
        edges_ns = list(accumulate(steps, initial=self.start_ns))
        return Inferences(
            phase=self.phase,
            first_index=self.first_index,
            starts_ns=tuple(edges_ns[0::2]),
            durations_ns=tuple(durations),
            segment=self.segment,
            unit_ns=self.unit_ns,
        )


def pack(record: Inferences) -> PackedInferences:
    """The same inferences in few bytes; `unpacked` gives them back."""
    starts_ns = record.starts_ns
    gaps_ns = map(operator.sub, starts_ns[1:], map(operator.add, starts_ns, record.durations_ns))
    stream = zlib.compressobj(level=_LEVEL, strategy=zlib.Z_RLE)
    parts: list[bytes] = []
    for column in (gaps_ns, record.durations_ns):
        for plane in _to_planes(column, record.unit_ns):
            parts.append(stream.compress(plane))
            if plane.strip(b"\0"):
                parts.append(stream.flush(zlib.Z_BLOCK))  # a code of its own: planes differ in how full they are
    return PackedInferences(
        phase=record.phase,
        first_index=record.first_index,
        start_ns=starts_ns[0],
        count=len(starts_ns),
        columns=b"".join([*parts, stream.flush()]),
        unit_ns=record.unit_ns,
        segment=record.segment,
    )


def _to_planes(values_ns: Iterable[int], unit_ns: int) -> Sequence[bytes]:
    values = array("Q", values_ns if unit_ns == 1 else [value // unit_ns for value in values_ns])
    if sys.byteorder == "big":
        values.byteswap()
    data = values.tobytes()
    return [data[place::_WIDTH] for place in range(_WIDTH)]


def _from_planes(planes: bytes) -> "array[int]":
    count = len(planes) // _WIDTH
    data = bytearray(len(planes))
    for place in range(_WIDTH):
        data[place::_WIDTH] = planes[place * count : (place + 1) * count]
    values = array("Q", bytes(data))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _inflate(stream: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(stream, size + 1)  # one more, so that too much is seen and the end is reached
    except zlib.error as error:
        raise WireError(f"columns: expected a zlib stream ({error})") from error
    require(len(data) == size, "columns", f"{size} bytes of gaps and durations", len(data))
    require(inflater.eof and not inflater.unused_data, "columns", "one whole zlib stream", len(stream))
    return data
