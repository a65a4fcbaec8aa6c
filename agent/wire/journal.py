"""The journal: an append-only record of one attempt, the only thing that results are made from.

Invariants: a line is whole or it does not exist; seq counts from 0 without gaps; a reader's cursor moves only past a
newline. A torn last line is left for later; damage anywhere before it is an error, never skipped.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.wire.codec import WireError, decode, dumps, excerpt, parse_json, require
from agent.wire.evaluation import Predicted
from agent.wire.packed import PackedInferences, Written, pack
from agent.wire.records import RECORD_KINDS, Inferences, Record, Telemetry

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_FACTS_BYTES = 128 * 1024  # of a line that is no chunk of raw data: such records are shown whole
LINE_KINDS: Mapping[str, type] = {**RECORD_KINDS, "packed": PackedInferences}
_KIND_OF = {cls: kind for kind, cls in LINE_KINDS.items()}
_CHUNKS = (PackedInferences, Inferences, Telemetry, Predicted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader has come: the byte after the last whole line, and the seq that comes next."""

    byte: int = 0
    seq: int = 0


def encode_line(seq: int, record: Written) -> bytes:
    """One journal line, newline included; inferences are packed."""
    body = pack(record) if isinstance(record, Inferences) else record
    text = dumps({"seq": seq, "kind": _KIND_OF[type(body)], "body": body}).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode_line(line: bytes, seq: int) -> Record:
    """The record of one line without its newline; raises `WireError` unless it is whole and numbered `seq`."""
    checksum, space, text = line.partition(b" ")
    if not space or checksum != b"%08x" % zlib.crc32(text):
        raise WireError(f"journal line {seq}: checksum does not match")
    try:
        envelope = parse_json(text)
    except ValueError as error:
        raise WireError(f"journal line {seq}: not JSON ({error})") from error
    if not isinstance(envelope, dict) or set(envelope) != {"seq", "kind", "body"}:
        raise WireError(f"journal line {seq}: expected seq, kind and body")
    is_next = type(envelope["seq"]) is int and envelope["seq"] == seq
    require(is_next, f"journal line {seq}: seq", str(seq), envelope["seq"])
    cls = LINE_KINDS.get(envelope["kind"]) if isinstance(envelope["kind"], str) else None
    if cls is None:
        raise WireError(f"journal line {seq}: unknown kind {excerpt(envelope['kind'])}")
    most = MAX_LINE_BYTES if cls in _CHUNKS else MAX_FACTS_BYTES
    require(len(line) <= most, f"journal line {seq}: {envelope['kind']}", f"at most {most} bytes", len(line))
    where = f"journal line {seq}: {envelope['kind']}"
    record: Written = decode(cls, envelope["body"], where)
    return _unpacked(record, where) if isinstance(record, PackedInferences) else record


def read_lines(data: bytes, cursor: Cursor) -> Iterator[tuple[Cursor, Record]]:
    """Each whole line of `data`, which starts at `cursor.byte`, with the cursor that is right after it."""
    byte, seq, start = cursor.byte, cursor.seq, 0
    while (end := data.find(b"\n", start)) >= 0:
        require(
            end - start <= MAX_LINE_BYTES,
            f"journal line {seq}",
            f"at most {MAX_LINE_BYTES} bytes",
            end - start,
        )
        record = decode_line(data[start:end], seq)
        byte, seq, start = byte + end + 1 - start, seq + 1, end + 1
        yield Cursor(byte=byte, seq=seq), record
    require(
        len(data) - start <= MAX_LINE_BYTES,
        f"journal line {seq}",
        f"at most {MAX_LINE_BYTES} bytes",
        len(data) - start,
    )


def _unpacked(record: PackedInferences, where: str) -> Inferences:
    try:
        return record.unpacked()
    except WireError as error:
        raise WireError(f"{where}.{error}") from error
