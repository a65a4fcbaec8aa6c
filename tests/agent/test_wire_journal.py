"""The journal's laws: a cut loses at most its last line, damage is never skipped, old versions stay readable."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import WIRE_VERSION
from agent.wire.codec import WireError
from agent.wire.journal import MAX_LINE_BYTES, Cursor, decode_line, encode_line, read_lines
from agent.wire.records import Ended, GatePassed, Inferences, Outcome, Phase, PhaseEntered, Record, Telemetry
from tests.agent.strategies import RECORDS
from tests.journals import evaluated_records

GOLDEN = Path(__file__).parent.parent / "golden"
DEFLATED = ("columns", "values")
JOURNALS = st.lists(RECORDS, min_size=1, max_size=6)


def encode_all(records: list[Record]) -> bytes:
    """A whole journal."""
    return b"".join(encode_line(seq, record) for seq, record in enumerate(records))


def read_all(data: bytes, cursor: Cursor | None = None) -> tuple[list[Record], Cursor]:
    """Records of all whole lines, and the cursor after them."""
    reached, records = cursor or Cursor(), []
    for after, record in read_lines(data, reached):
        reached = after
        records.append(record)
    return records, reached


@given(JOURNALS)
def test_what_is_written_is_read(records: list[Record]) -> None:
    data = encode_all(records)
    assert read_all(data) == (records, Cursor(byte=len(data), seq=len(records)))


@given(JOURNALS, st.data())
def test_a_journal_cut_at_any_byte_loses_at_most_its_last_line(records: list[Record], data: st.DataObject) -> None:
    whole = encode_all(records)
    cut = data.draw(st.integers(0, len(whole)))
    read, cursor = read_all(whole[:cut])
    assert read == records[: len(read)]
    assert whole[: cursor.byte].count(b"\n") == len(read)
    assert cut - cursor.byte < len(encode_line(cursor.seq, records[min(cursor.seq, len(records) - 1)]))


@given(JOURNALS, st.data())
def test_reading_goes_on_where_it_stopped(records: list[Record], data: st.DataObject) -> None:
    whole = encode_all(records)
    cut = data.draw(st.integers(0, len(whole)))
    first, cursor = read_all(whole[:cut])
    second, end = read_all(whole[cursor.byte :], cursor)
    assert first + second == records
    assert end.byte == len(whole)


@given(JOURNALS, st.data())
def test_a_changed_byte_is_refused_or_only_tears_the_last_line(records: list[Record], data: st.DataObject) -> None:
    whole = bytearray(encode_all(records))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        read, _ = read_all(bytes(whole))
    except WireError:
        return
    assert read == records[:-1]
    assert whole.rfind(b"\n") < place or place == len(whole) - 1


@given(JOURNALS, st.data())
def test_a_line_that_is_missing_in_between_is_refused(records: list[Record], data: st.DataObject) -> None:
    lines = [encode_line(seq, record) for seq, record in enumerate(records)]
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    expected = len(lines)
    try:
        read, _ = read_all(b"".join(lines))
    except WireError:
        return
    assert len(read) == expected and read == records[:-1]  # only the last one can go unnoticed


@given(RECORDS, st.integers(0, 10**6))
def test_a_line_is_printable_ascii(record: Record, seq: int) -> None:
    line = encode_line(seq, record)
    assert line.endswith(b"\n") and line[:-1].decode("ascii").isprintable()


def test_a_line_that_never_ends_is_refused() -> None:
    with pytest.raises(WireError, match="at most"):
        read_all(b"x" * (MAX_LINE_BYTES + 1))


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b"7", b'{"seq":0,"kind":"x","body":{}}', b'{"seq":0,"kind":3,"body":{}}']
)
def test_a_line_of_another_shape_is_refused_although_its_checksum_fits(text: bytes) -> None:
    with pytest.raises(WireError):
        decode_line(b"%08x %s" % (zlib.crc32(text), text), 0)


def test_a_line_with_another_number_is_refused() -> None:
    line = encode_line(3, PhaseEntered(phase=Phase.GATE, at_ns=1))
    with pytest.raises(WireError, match="seq"):
        decode_line(line[:-1], 4)


@pytest.mark.parametrize("version", range(1, 5))
def test_the_golden_journal_of_each_version_reads_as_it_did(version: int) -> None:
    data = (GOLDEN / f"journal-v{version}.jsonl").read_bytes()
    records, cursor = read_all(data)
    kinds = [type(record).__name__ for record in records]
    rests = ["PhaseEntered"] if version >= 3 else []
    assert kinds == [
        "Claimed", "Environment", "PhaseEntered", "GatePassed", "PhaseEntered", "Loaded", "PhaseEntered", "Telemetry",
        *rests, "PhaseEntered", "PhaseEntered", *rests, "PhaseEntered", "Telemetry", "Inferences", "Inferences",
        "Ended",
    ]  # fmt: skip
    end = records[-1]
    assert isinstance(end, Ended) and end.outcome is Outcome.COMPLETED
    assert cursor == Cursor(byte=len(data), seq=len(kinds))


def test_the_golden_journal_of_version_5_is_of_an_evaluation() -> None:
    data = (GOLDEN / "journal-v5.jsonl").read_bytes()
    records, cursor = read_all(data)
    assert records == evaluated_records("cafe")
    assert cursor == Cursor(byte=len(data), seq=len(records))


@pytest.mark.parametrize("version", [4, WIRE_VERSION])
def test_the_golden_journal_of_this_version_is_written_as_it_was(version: int) -> None:
    data = (GOLDEN / f"journal-v{version}.jsonl").read_bytes()
    for golden, ours in zip(data.splitlines(), encode_all(read_all(data)[0]).splitlines(), strict=True):
        (kind, body), (our_kind, our_body) = said(golden), said(ours)
        assert (our_kind, {name: our_body[name] for name in body}) == (kind, body)


def said(line: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and fields of a line, but for deflated ones: not every zlib deflates alike."""
    envelope = json.loads(line[9:])
    return envelope["kind"], {name: value for name, value in envelope["body"].items() if name not in DEFLATED}


def test_versions_before_4_do_not_pack() -> None:
    for version, kind in [(3, b'"kind":"inferences"'), (4, b'"kind":"packed"')]:
        assert (GOLDEN / f"journal-v{version}.jsonl").read_bytes().count(kind) == 2


def test_what_version_1_does_not_say_is_as_when_left_out() -> None:
    records, _ = read_all((GOLDEN / "journal-v1.jsonl").read_bytes())
    gate = next(record for record in records if isinstance(record, GatePassed))
    telemetry = [record for record in records if isinstance(record, Telemetry)]
    assert (gate.idle_error_c, gate.tau_s, gate.forecast_s) == (None, None, None)
    assert all(record.ambient_c == (None,) * len(record.at_ns) for record in telemetry)
    assert all(record.segment == 0 for record in records if isinstance(record, Inferences))
