"""A run in full, from its records and its raw data."""

import dataclasses

import pytest
from sqlalchemy import select

from agent.wire.codec import encode
from orchestrator.db.columns import pack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, StudyRow
from orchestrator.protocols import paced, preset
from orchestrator.queries.account import WindowEnd, account_for
from tests import factories


@pytest.fixture
def run(database: Database) -> str:
    """A measured run on a Pi 5."""
    factories.add_device(database)
    factories.add_model(database, labels=("fp32",))
    study = factories.add_study(database, blocks=1)
    factories.measure(database, study, {"fp32": 100.0})
    return factories.run_ids(database, study)[0]


def test_the_timeline_has_each_phase_and_how_long_it_took(database: Database, run: str) -> None:
    account = account_for(database, run)
    assert [step.phase for step in account.timeline] == ["gate", "load", "ready", "warm_up", "window", "end"]
    assert [step.length_s for step in account.timeline[:3]] == [4.0, 2.0, 4.0]
    assert account.timeline[-1].length_s is None
    assert account.attempt == 1


def test_the_board_is_summed_up_over_the_window(database: Database, run: str) -> None:
    telemetry = account_for(database, run).telemetry
    assert telemetry is not None
    temperature = telemetry.spans["temperature_c"]
    assert temperature is not None
    assert (temperature.first, temperature.last, temperature.high) == (52.5, 52.5, 52.5)
    assert telemetry.spans["power_w"] is None
    assert (telemetry.coverage, telemetry.longest_gap_s) == (1.0, 0.25)
    assert (telemetry.knows_bits, telemetry.live_bits, telemetry.sticky_bits) == (True, (), ())
    assert telemetry.clock_limit_hz == 2.4e9


def test_throttle_bits_are_named(database: Database, run: str) -> None:
    with database.write() as session:
        chunk = session.scalars(select(ChunkRow).where(ChunkRow.kind == "telemetry")).one()
        record = factories.telemetry(0, 20_000_000_000)
        bits = (0,) * (len(record.at_ns) - 2) + (0x5, 0x50000)
        chunk.blob = pack_telemetry(dataclasses.replace(record, throttled=bits))
    telemetry = account_for(database, run).telemetry
    assert telemetry is not None
    assert telemetry.live_bits == telemetry.sticky_bits == ("under-voltage", "throttled")


def test_a_course_and_a_segment_come_from_the_raw_data(database: Database, run: str) -> None:
    account = account_for(database, run)
    assert account.steadiness == "warm-up"
    assert account.trimmed is not None
    (segment,) = account.segments
    assert segment.inferences == 40 - account.trimmed
    assert segment.warm_up_from_s == 10.0
    assert account.pace is None


def test_a_paced_run_says_whether_its_rate_was_held(database: Database, run: str) -> None:
    with database.write() as session:
        study = session.scalars(select(StudyRow)).one()
        study.protocol = encode(paced(preset("quick").protocol, 20.0, None))
    pace = account_for(database, run).pace
    assert pace is not None
    assert (pace.answer, pace.rate_per_s, pace.deadline_ms) == ("not held", 20.0, 50.0)
    assert pace.missed > 0
    assert pace.busy == pytest.approx(2.0, rel=0.05)


def test_a_run_that_never_started_has_an_empty_account(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    waiting = factories.run_ids(database, factories.add_study(database, blocks=1))[0]
    account = account_for(database, waiting)
    assert (account.attempt, account.timeline, account.segments) == (None, (), ())
    assert (account.telemetry, account.steadiness, account.trimmed) == (None, None, None)


def test_an_attempt_without_an_inference_still_has_its_timeline(database: Database, run: str) -> None:
    with database.write() as session:
        for chunk in session.scalars(select(ChunkRow).where(ChunkRow.kind != "telemetry")):
            session.delete(chunk)
    account = account_for(database, run)
    assert len(account.timeline) == 6
    assert account.steadiness is None


def test_what_was_not_checked_is_said(database: Database, run: str) -> None:
    note = {"code": "sensor-missing", "severity": "note", "text": "sensor-missing: power_w"}
    grave = {"code": "drift", "severity": "suspect", "text": "drift: 3 %"}
    factories.change_run(database, run, reasons=[grave, note])
    assert account_for(database, run).not_checked == (note,)
    with database.read() as session:
        assert session.scalars(select(AttemptRow)).one().environment is not None


@pytest.mark.parametrize(("onset_s", "told_s"), [(5.0, 5.0), (50.0, None), (None, None)])
def test_a_window_that_heat_ended_says_whether_a_known_onset_was_near(
    database: Database, run: str, onset_s: float | None, told_s: float | None
) -> None:
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow)).one()
        attempt.known_onset_s = onset_s
        attempt.ended = {**(attempt.ended or {}), "stopped_by": "heat"}
    account = account_for(database, run)
    assert account.window_end == WindowEnd(stopped_by="heat", onset_s=told_s)
    assert account.run.attempts[0].known_onset_s == onset_s
