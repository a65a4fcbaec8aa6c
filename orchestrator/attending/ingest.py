"""Journal bytes to rows: idempotent on (attempt, line), in one transaction with the cursor that moves past them.

Nothing that a board says is trusted: a piece of a journal that does not fit the wire, or comes out of its order, raises
`WireError` and stores no row. What earlier pieces brought stays as evidence; no figure is made from it.
"""

import zlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.wire.codec import WireError, dumps, encode, require
from agent.wire.evaluation import Predicted
from agent.wire.journal import Cursor, read_lines
from agent.wire.profile import Profiled
from agent.wire.records import (
    Claimed,
    Ended,
    Environment,
    GatePassed,
    Inferences,
    Loaded,
    Phase,
    PhaseEntered,
    Record,
    Telemetry,
)
from agent.wire.spec import Limits
from orchestrator.attending.attempts import OvertakenError, require_open
from orchestrator.attending.baseline import learn_gate
from orchestrator.attending.journal_order import PREDICTED, PROFILE, TELEMETRY, Progress, progress_of
from orchestrator.attending.limits import LARGEST_JOURNAL_BYTES
from orchestrator.db.columns import pack_inferences, pack_predicted, pack_telemetry
from orchestrator.db.tables import AttemptRow, ChunkRow

MAX_JOURNAL_LINES = 100_000
SLACK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What one piece of a journal brought: whole lines stored, and the end record if it was among them."""

    lines: int
    ended: Ended | None


def ingest(session: Session, attempt: AttemptRow, data: bytes, from_byte: int) -> Ingested:
    """Store the whole lines of `data`, the journal's bytes from `from_byte`; a torn last line is left for later.

    Raises `OvertakenError` where somebody else has moved the cursor or closed the attempt since they were fetched, and
    `WireError` where they cannot be this attempt's journal, or where it is larger than a run may make it.
    """
    require_open(session, attempt)
    if attempt.cursor_byte != from_byte:
        raise OvertakenError(f"attempt {attempt.id}: its journal was ingested by somebody else")
    before = Cursor(byte=attempt.cursor_byte, seq=attempt.cursor_seq)
    cursor, ended = before, None
    most = _most_bytes(attempt)
    require(from_byte + len(data) <= most, "journal", f"at most {most} bytes", len(data))
    progress = progress_of(session, attempt) if data else Progress()
    for cursor, record in read_lines(data, before):
        _take(progress, record, cursor)
        _store(session, attempt, cursor.seq - 1, record)
        ended = record if isinstance(record, Ended) else ended
    attempt.cursor_byte, attempt.cursor_seq = cursor.byte, cursor.seq
    return Ingested(lines=cursor.seq - before.seq, ended=ended)


def _most_bytes(attempt: AttemptRow) -> int:
    """What the journal may grow to; only answers to a data set may be more than is usual."""
    is_evaluation = Phase.EVALUATING.value in attempt.phases
    return (LARGEST_JOURNAL_BYTES if is_evaluation else Limits().journal_bytes) + SLACK_BYTES


def _take(progress: Progress, record: Record, cursor: Cursor) -> None:
    require(cursor.seq <= MAX_JOURNAL_LINES, "journal", f"at most {MAX_JOURNAL_LINES} lines", cursor.seq)
    try:
        progress.take(record)
    except WireError as error:
        raise WireError(f"journal line {cursor.seq - 1}: {error}") from error


def _store(session: Session, attempt: AttemptRow, seq: int, record: Record) -> None:
    match record:
        case Inferences():
            session.add(
                ChunkRow(
                    attempt_id=attempt.id,
                    seq=seq,
                    kind=record.phase.value,
                    count=len(record.starts_ns),
                    blob=pack_inferences(record),
                )
            )
        case Telemetry():
            session.add(
                ChunkRow(
                    attempt_id=attempt.id,
                    seq=seq,
                    kind=TELEMETRY,
                    count=len(record.at_ns),
                    blob=pack_telemetry(record),
                )
            )
        case Profiled():
            blob = zlib.compress(dumps(record).encode())
            session.add(ChunkRow(attempt_id=attempt.id, seq=seq, kind=PROFILE, count=len(record.operators), blob=blob))
        case Predicted():
            answers, blob = len(record.examples), pack_predicted(record)
            session.add(ChunkRow(attempt_id=attempt.id, seq=seq, kind=PREDICTED, count=answers, blob=blob))
        case PhaseEntered():
            attempt.phases = {**attempt.phases, record.phase.value: record.at_ns}
        case Claimed():
            _require_same_attempt(attempt, record)
            attempt.claimed = encode(record)
        case Environment():
            attempt.environment = encode(record)
        case GatePassed():
            attempt.gate = encode(record)
            learn_gate(session, attempt, record)
        case Loaded():
            attempt.loaded = encode(record)
        case Ended():
            attempt.ended = encode(record)


def _require_same_attempt(attempt: AttemptRow, claimed: Claimed) -> None:
    if (claimed.run_id, claimed.attempt) != (attempt.run_id, attempt.number):
        raise WireError(
            f"journal: belongs to {claimed.run_id}.{claimed.attempt}, not {attempt.run_id}.{attempt.number}"
        )
