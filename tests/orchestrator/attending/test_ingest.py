"""Journal bytes to rows: the same rows however the bytes arrive, and none at all from bytes that do not fit."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from agent.wire.codec import WireError
from agent.wire.journal import encode_line
from agent.wire.records import Ended, Phase, PhaseEntered, Record
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.ingest import Ingested
from orchestrator.attending.lifecycle import AttemptState
from orchestrator.db.columns import (
    join_inferences,
    join_telemetry,
    unpack_inferences,
    unpack_predicted,
    unpack_telemetry,
)
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, StudyDeviceRow
from tests.journals import (
    SECOND_NS,
    completed_records,
    encode_journal,
    end_of,
    evaluated_records,
    make_inferences,
    opening_records,
)
from tests.orchestrator.known_run import (
    ATTEMPT,
    RUN,
    bring,
    ingested_rows,
    remember,
    restore,
    start_known_run,
)
from tests.racing import at_once
from tests.small_farm import get_attempt, set_columns


@pytest.fixture
def started(database: Database) -> Database:
    """A database with one started attempt."""
    return start_known_run(database)


@pytest.fixture
def each_started(each_database: Database) -> Database:
    """The same, of each kind."""
    return start_known_run(each_database)


@pytest.fixture(scope="module")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Database]]:
    """Makes the attempt of the only run start anew, as often as an example wants it."""
    database = start_known_run(open_migrated(f"sqlite:///{tmp_path_factory.mktemp('ingest') / 'pifarm.db'}"))
    rows = remember(database)

    def start_anew() -> Database:
        restore(database, rows)
        return database

    yield start_anew
    database.engine.dispose()


def make_journal(records: Sequence[Record] | None = None) -> bytes:
    """A whole journal of the known run."""
    return encode_journal(completed_records(RUN, start_c=44.0) if records is None else records)


JOURNAL = make_journal()
LINES = len(completed_records(RUN))


def test_a_whole_journal_becomes_rows_that_hold_every_figure(started: Database) -> None:
    taken = bring(started, JOURNAL)
    assert taken.lines == LINES
    assert isinstance(taken.ended, Ended)
    attempt = get_attempt(started, ATTEMPT)
    assert (attempt.cursor_byte, attempt.cursor_seq) == (len(JOURNAL), LINES)
    assert attempt.claimed is not None and attempt.claimed["boot_id"] == "boot-1"
    assert attempt.environment is not None and attempt.environment["facts"]["governor"] == "performance"
    assert attempt.loaded is not None and attempt.loaded["first_ns"] == 900_000_000
    assert set(attempt.phases) == {"gate", "load", "warm_up", "window"}
    with started.read() as session:
        chunks = session.scalars(select(ChunkRow).order_by(ChunkRow.seq)).all()
    assert [(chunk.kind, chunk.count) for chunk in chunks[:2]] == [("warm_up", 3), ("window", 24)]
    window = completed_records(RUN)[9]
    inferences = join_inferences(unpack_inferences(chunk.blob) for chunk in chunks if chunk.kind == "window")
    assert inferences.durations_ns.tolist() == list(window.durations_ns)  # type: ignore[union-attr]  # the window's record
    telemetry = join_telemetry(unpack_telemetry(chunk.blob) for chunk in chunks if chunk.kind == "telemetry")
    assert np.isnan(telemetry.series("power_w")).all()
    assert telemetry.series("clock_hz").tolist() == [2.4e9] * len(telemetry.at_ns)


def test_answers_to_a_data_set_are_kept_as_they_came_in_pieces_cut_anywhere(started: Database) -> None:
    records = evaluated_records(RUN)
    journal = make_journal(records)
    for cut in [*range(0, len(journal), 997), len(journal)]:
        cursor = get_attempt(started, ATTEMPT).cursor_byte
        bring(started, journal[cursor : max(cut, cursor)])
    with started.read() as session:
        chunks = session.scalars(select(ChunkRow).where(ChunkRow.kind == "predicted").order_by(ChunkRow.seq)).all()
    assert [chunk.count for chunk in chunks] == [2, 1]
    assert [unpack_predicted(chunk.blob) for chunk in chunks] == records[7:9]


@given(cuts=st.lists(st.integers(0, len(JOURNAL)), max_size=6), repeats=st.booleans())
def test_however_a_journal_arrives_in_pieces_the_rows_are_the_same(
    fresh_database: Callable[[], Database], cuts: list[int], repeats: bool
) -> None:
    database = fresh_database()
    bring(database, JOURNAL)
    at_once_rows = ingested_rows(database)
    database = fresh_database()
    for cut in [*sorted(cuts), len(JOURNAL)]:
        for _ in range(2 if repeats else 1):
            cursor = get_attempt(database, ATTEMPT).cursor_byte
            bring(database, JOURNAL[cursor : max(cut, cursor)])
    assert ingested_rows(database) == at_once_rows


@given(st.integers(0, len(JOURNAL)))
def test_a_journal_cut_at_any_byte_loses_at_most_its_last_line(
    fresh_database: Callable[[], Database], cut: int
) -> None:
    database = fresh_database()
    taken = bring(database, JOURNAL[:cut])
    whole = JOURNAL[:cut].count(b"\n")
    assert taken.lines == whole
    attempt = get_attempt(database, ATTEMPT)
    assert attempt.cursor_byte == JOURNAL[:cut].rfind(b"\n") + 1
    assert attempt.cursor_seq == whole


@given(place=st.integers(0, len(JOURNAL) - 1), flip=st.integers(1, 255))
def test_a_corrupted_byte_stores_nothing(fresh_database: Callable[[], Database], place: int, flip: int) -> None:
    database = fresh_database()
    before = ingested_rows(database)
    damaged = bytearray(JOURNAL)
    damaged[place] ^= flip
    is_last_newline = place == len(JOURNAL) - 1
    if is_last_newline:
        bring(database, bytes(damaged))
        assert get_attempt(database, ATTEMPT).ended is None
        return
    with pytest.raises(WireError):
        bring(database, bytes(damaged))
    assert ingested_rows(database) == before


def test_nothing_new_changes_nothing(started: Database) -> None:
    bring(started, JOURNAL[:5000])
    before = ingested_rows(started)
    assert bring(started, b"") == Ingested(lines=0, ended=None)
    assert ingested_rows(started) == before


def test_a_line_after_the_end_record_is_refused(started: Database) -> None:
    before = ingested_rows(started)
    records = completed_records(RUN)
    with pytest.raises(WireError, match="a line after the end record"):
        bring(started, make_journal([*records, records[-2]]))
    assert ingested_rows(started) == before


def test_a_line_after_the_end_record_is_refused_even_if_it_comes_later(started: Database) -> None:
    bring(started, JOURNAL)
    before = ingested_rows(started)
    late = make_inferences(Phase.WINDOW, [1_000], 10**12)
    with pytest.raises(WireError, match="a line after the end record"):
        bring(started, encode_line(LINES, late))
    assert ingested_rows(started) == before


@pytest.mark.parametrize(("run_id", "number"), [("another", 1), (RUN, 2)])
def test_a_journal_of_another_attempt_is_refused(started: Database, run_id: str, number: int) -> None:
    before = ingested_rows(started)
    with pytest.raises(WireError, match=rf"belongs to {run_id}\.{number}, not {RUN}\.1"):
        bring(started, make_journal(completed_records(run_id, number)))
    assert ingested_rows(started) == before


def test_a_journal_that_does_not_say_whose_it_is_is_refused(started: Database) -> None:
    before = ingested_rows(started)
    with pytest.raises(WireError, match="journal line 0: expected the claim first"):
        bring(started, make_journal(completed_records(RUN)[1:]))
    assert ingested_rows(started) == before


def test_a_missing_line_is_noticed(started: Database) -> None:
    lines = JOURNAL.splitlines(keepends=True)
    before = ingested_rows(started)
    with pytest.raises(WireError, match="journal line 3: seq: expected 3, got 4"):
        bring(started, b"".join(lines[:3] + lines[4:]))
    assert ingested_rows(started) == before


@pytest.mark.parametrize("pieces", [1, 3])
def test_of_many_who_ingest_the_same_bytes_at_once_one_stores_them(each_started: Database, pieces: int) -> None:
    lines = JOURNAL.splitlines(keepends=True)
    size = -(-len(lines) // pieces)
    for first in range(0, len(lines), size):
        data = b"".join(lines[first : first + size])
        from_byte = sum(map(len, lines[:first]))

        def bring_or_lose(_: int, data: bytes = data, from_byte: int = from_byte) -> int | None:
            try:
                return bring(each_started, data, from_byte).lines
            except OvertakenError:
                return None

        taken = at_once(3, bring_or_lose)
        assert [lines for lines in taken if lines is not None] == [data.count(b"\n")]
    assert get_attempt(each_started, ATTEMPT).cursor_byte == len(JOURNAL)


def test_bytes_from_where_the_cursor_no_longer_is_are_not_taken_for_damage(started: Database) -> None:
    bring(started, JOURNAL)
    before = ingested_rows(started)
    for data in (JOURNAL, JOURNAL[:3000], b"", b"rubbish\n"):
        with pytest.raises(OvertakenError):
            bring(started, data, from_byte=0)
    assert ingested_rows(started) == before


def test_nothing_is_added_to_an_attempt_that_was_closed_meanwhile(started: Database) -> None:
    set_columns(started, AttemptRow, ATTEMPT, state=AttemptState.LOST)
    before = ingested_rows(started)
    with pytest.raises(OvertakenError):
        bring(started, JOURNAL)
    assert ingested_rows(started) == before


def test_the_first_gate_of_a_study_settles_its_start_temperature_for_good(started: Database) -> None:
    def start_c() -> float | None:
        with started.read() as session:
            return session.scalar(select(StudyDeviceRow.start_c))

    bring(started, make_journal(opening_records(RUN, start_c=44.0)[:4]))
    assert start_c() == 44.0
    warmer = encode_line(4, opening_records(RUN, start_c=50.0)[3])
    bring(started, warmer)
    assert start_c() == 44.0


def test_inferences_that_are_written_in_chunks_are_read_in_order(started: Database) -> None:
    first = make_inferences(Phase.WINDOW, [5_000, 6_000], 5 * SECOND_NS)
    second = make_inferences(Phase.WINDOW, [7_000], end_of(first), first_index=2)
    begun = PhaseEntered(phase=Phase.WINDOW, at_ns=5 * SECOND_NS)
    bring(started, make_journal([*opening_records(RUN), begun, first, second]))
    with started.read() as session:
        blobs = session.scalars(select(ChunkRow.blob).order_by(ChunkRow.seq)).all()
    assert join_inferences(map(unpack_inferences, blobs)).durations_ns.tolist() == [5_000, 6_000, 7_000]
