"""A column of numbers as one big integer, a lane of 64 bits each: all are added, cut or divided by one operation.

The standard library has nothing faster for a column, and a board has to pack thousands of inferences a second. No lane
may leave 0..2^64-1: what is taken from a lane is never more than it holds.
"""

import sys
from array import array
from collections.abc import Sequence

WIDTH = 8  # bytes of a lane


def to_lanes(values: "array[int]") -> int:
    """The column of an array of type q or Q, the first value in the lowest lane."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return int.from_bytes(values.tobytes(), "little")


def repeat(value: int, count: int) -> int:
    """The same value in each lane."""
    return int.from_bytes(value.to_bytes(WIDTH, "little") * count, "little")


def to_planes(lanes: int, count: int) -> Sequence[bytes]:
    """Eight texts of `count` bytes: the lowest bytes of all values, then the second ones, and so on."""
    data = lanes.to_bytes(WIDTH * count, "little")
    return [data[place::WIDTH] for place in range(WIDTH)]


def from_planes(planes: bytes) -> "array[int]":
    """The values of eight planes that stand behind each other."""
    count = len(planes) // WIDTH
    data = bytearray(len(planes))
    for place in range(WIDTH):
        data[place::WIDTH] = planes[place * count : (place + 1) * count]
    values = array("Q", bytes(data))
    if sys.byteorder == "big":
        values.byteswap()
    return values
