"""Packed inferences: they come back as they were, take few bytes, and neither a bomb nor damage gets through."""

import dataclasses
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import MAX_ITEMS, WireError, dumps, loads
from agent.wire.journal import decode_line, encode_line
from agent.wire.packed import PackedInferences, pack
from agent.wire.records import MAX_NS, MAX_UNIT_NS, Inferences, Phase
from tests.agent.strategies import inferences

MiB = 2**20
THREE = Inferences(phase=Phase.WINDOW, first_index=7, starts_ns=(5, 40, 90), durations_ns=(30, 31, 32), segment=2)


def packed(columns: bytes, **changes: Any) -> PackedInferences:
    """The three, but for what is said."""
    return dataclasses.replace(pack(THREE), columns=columns, **changes)


@given(inferences())
def test_what_is_packed_comes_back_as_it_was(record: Inferences) -> None:
    assert pack(record).unpacked() == record
    assert loads(PackedInferences, dumps(pack(record))).unpacked() == record


@given(inferences(), st.data())
def test_changed_columns_are_refused_or_are_as_many_inferences_as_were_said(
    record: Inferences, data: st.DataObject
) -> None:
    whole = pack(record)
    columns = bytearray(whole.columns)
    columns[data.draw(st.integers(0, len(columns) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = dataclasses.replace(whole, columns=bytes(columns)).unpacked()
    except WireError:
        return
    assert len(other.starts_ns) == len(record.starts_ns)


@given(st.binary(max_size=60))
def test_columns_of_any_bytes_are_refused(columns: bytes) -> None:
    with pytest.raises(WireError, match="columns: expected"):
        packed(columns).unpacked()


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(16 * MiB))
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="columns: expected 40 bytes, got 41"):
            packed(bomb).unpacked()
        assert tracemalloc.get_traced_memory()[1] < MiB
    finally:
        tracemalloc.stop()


def test_columns_are_one_whole_stream_and_nothing_more() -> None:
    columns = pack(THREE).columns
    for wrong in (columns[:-1], columns + b"\0", columns + columns):
        with pytest.raises(WireError, match="columns: expected one whole zlib stream"):
            packed(wrong).unpacked()
    with pytest.raises(WireError, match="columns: expected 24 bytes, got 25"):
        packed(columns, count=2).unpacked()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, f"count: expected 1..{MAX_ITEMS}"),
        ({"count": MAX_ITEMS + 1}, f"count: expected 1..{MAX_ITEMS}"),
        ({"unit_ns": 0}, "durations_ns: expected more than 0"),
        ({"unit_ns": MAX_UNIT_NS + 1}, f"unit_ns: expected 1..{MAX_UNIT_NS}"),
        ({"unit_ns": 64}, "unit_ns: expected what all times are multiples of"),
        ({"start_ns": -1}, "starts_ns: expected nanoseconds"),
        ({"start_ns": MAX_NS}, "starts_ns: expected nanoseconds"),
    ],
)
def test_what_no_board_says_is_refused_by_name(changes: dict[str, int], message: str) -> None:
    with pytest.raises(WireError, match=message):
        packed(pack(THREE).columns, **changes).unpacked()


def test_a_line_that_does_not_unpack_says_which_one_and_why() -> None:
    text = dumps({"seq": 4, "kind": "packed", "body": packed(b"xy")}).encode()
    with pytest.raises(WireError, match=r"journal line 4: packed\.columns: expected a zlib stream"):
        decode_line(b"%08x %s" % (zlib.crc32(text), text), 4)


@pytest.mark.parametrize("text", ["é", "a", "ab=c", "YQ==\n", "YQ", "-_-_"])
def test_bytes_are_plain_base64(text: str) -> None:
    body = json.loads(dumps(pack(THREE))) | {"columns": text}
    with pytest.raises(WireError, match=r"packed_inferences\.columns: expected base64"):
        loads(PackedInferences, json.dumps(body))


def test_a_line_of_the_largest_chunk_can_be_read() -> None:
    durations = tuple((1 << 36) - 1 - (index * 2654435761) % (1 << 32) for index in range(MAX_ITEMS))
    starts, end = [], 0
    for duration in durations:
        starts.append(end)
        end += duration
    record = Inferences(phase=Phase.WINDOW, first_index=0, starts_ns=tuple(starts), durations_ns=durations)
    assert decode_line(encode_line(0, record)[:-1], 0) == record
