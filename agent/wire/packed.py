"""Inferences in few bytes: what a journal holds of `Inferences` since version 4.

Gaps and durations are counted in units and cut into byte planes, the lowest bytes of all values first: the upper planes
are nearly empty, so that zlib leaves little more than the noise itself. Lossless. Reading trusts nothing: how much has
to come out is known before, and no more than that is ever inflated.
"""

import zlib
from array import array
from dataclasses import dataclass
from itertools import accumulate

from agent.wire.codec import MAX_ITEMS, require
from agent.wire.inflating import inflate
from agent.wire.lanes import WIDTH, from_planes, to_lanes, to_planes
from agent.wire.records import Inferences, Phase, Record

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
        planes = inflate(self.columns, WIDTH * (2 * self.count - 1), "columns")
        edge = WIDTH * (self.count - 1)
        durations = [value * self.unit_ns for value in from_planes(planes[edge:])]
        steps = [0] * (2 * self.count - 1)
        steps[0::2] = durations
        steps[1::2] = [value * self.unit_ns for value in from_planes(planes[:edge])]
        edges_ns = list(accumulate(steps, initial=self.start_ns))
        return Inferences(
            phase=self.phase,
            first_index=self.first_index,
            starts_ns=tuple(edges_ns[0::2]),
            durations_ns=tuple(durations),
            segment=self.segment,
            unit_ns=self.unit_ns,
        )


Written = Record | PackedInferences
"""What a journal's line is made of."""


def pack(record: Inferences) -> PackedInferences:
    """The same inferences in few bytes; `unpacked` gives them back."""
    return PackedInferences(
        phase=record.phase,
        first_index=record.first_index,
        start_ns=record.starts_ns[0],
        count=len(record.starts_ns),
        columns=pack_columns(
            to_lanes(array("q", record.starts_ns)),
            to_lanes(array("q", record.durations_ns)),
            len(record.starts_ns),
            record.unit_ns,
        ),
        unit_ns=record.unit_ns,
        segment=record.segment,
    )


def pack_columns(starts_ns: int, durations_ns: int, count: int, unit_ns: int) -> bytes:
    """The `columns` of `count` inferences, given as lanes, whose times are in units and in order."""
    ends_ns = starts_ns + durations_ns
    last = ends_ns >> 8 * WIDTH * (count - 1)
    gaps_ns = (starts_ns >> 8 * WIDTH) - (ends_ns - (last << 8 * WIDTH * (count - 1)))
    stream = zlib.compressobj(level=_LEVEL, strategy=zlib.Z_RLE)
    parts: list[bytes] = []
    for column, size in ((gaps_ns // unit_ns, count - 1), (durations_ns // unit_ns, count)):
        for plane in to_planes(column, size):
            parts.append(stream.compress(plane))
            if plane.strip(b"\0"):
                parts.append(stream.flush(zlib.Z_BLOCK))  # a code of its own: planes differ in how full they are
    return b"".join([*parts, stream.flush()])
