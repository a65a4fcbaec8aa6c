"""A journey as it is read back from SQL: a study of two runs whose journals hold known moments."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.wire.records import Ended, Loaded, Phase, PhaseEntered, Record
from benchmarks.command import CannotMeasureError
from benchmarks.trace import read_journey
from orchestrator.attending import results
from orchestrator.attending.ingest import ingest
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow
from tests.journals import SECOND_NS, completed_records, encode_journal, failed_records
from tests.small_farm import SmallFarm, plant, start_attempt


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated database without rows."""
    opened = open_migrated(f"sqlite:///{tmp_path / 'pifarm.db'}")
    yield opened
    opened.engine.dispose()


def journal(run_id: str) -> list[Record]:
    """A completed run that took half a second to import its runtime, and that entered its end."""
    *records, end = completed_records(run_id)
    assert isinstance(end, Ended)
    told = [
        dataclasses.replace(record, import_ns=500_000_000) if isinstance(record, Loaded) else record
        for record in records
    ]
    later = dataclasses.replace(end, at_ns=end.at_ns + SECOND_NS)
    return [*told, PhaseEntered(phase=Phase.END, at_ns=end.at_ns + SECOND_NS // 2), later]


def measure(database: Database, farm: SmallFarm, journal_of: Callable[[str], list[Record]] = journal) -> str:
    """Start the next run and take in its journal; the name of its folder on the board."""
    assignment = start_attempt(database, farm.device_id)
    with database.write() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        taken = ingest(session, attempt, encode_journal(journal_of(assignment.run_id)), 0)
        assert taken.ended is not None
        results.settle(session, attempt, taken.ended)
    return f"{assignment.run_id}.{assignment.number}"


def test_every_moment_of_both_runs_is_on_one_clock(database: Database) -> None:
    before_s = time.monotonic()
    farm = plant(database, blocks=2)
    origin_ns = time.monotonic_ns()
    folders = [measure(database, farm) for _ in range(2)]
    journey = read_journey(database, farm.study_id, dict.fromkeys(folders, origin_ns))
    first, second = journey.runs
    assert before_s - 0.1 < journey.stored_s <= first.picked_s <= first.sent_s <= first.settled_s
    assert first.settled_s <= second.picked_s < time.monotonic() + 0.1
    assert first.claimed_s == pytest.approx(origin_ns / 1e9)
    since_claim_s = [value - first.claimed_s for value in (first.import_from_s, first.load_from_s, first.first_from_s)]
    assert since_claim_s == pytest.approx([0.6, 1.1, 2.1])
    assert first.stopped_s - first.window_to_s == pytest.approx(0.5)
    assert first.ended_s - first.window_to_s == pytest.approx(1.0)


def test_a_study_with_a_failed_run_gives_no_figure(database: Database) -> None:
    farm = plant(database)
    folder = measure(database, farm, failed_records)
    with pytest.raises(CannotMeasureError, match="ended by a signal"):
        read_journey(database, farm.study_id, {folder: 1})
