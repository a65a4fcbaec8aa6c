"""A run under way: what has come so far, how old it is, when it ought to end."""

from collections.abc import Mapping

import pytest
from sqlalchemy import select

from agent.wire.records import Phase
from orchestrator.db.columns import pack_inferences, pack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow
from orchestrator.protocols import preset
from orchestrator.queries.progress import RunProgress, planned_end_s, run_progress
from tests import factories
from tests.small_farm import open_attempt, plant, set_columns, start_attempt

SUSTAINED = preset("sustained").protocol
SOAKING = {"gate": 0.0, "load": 40.0, "ready": 41.0, "idle": 42.0, "window": 162.0}


def begin(database: Database, seconds_ago: float = 282.0, phases: Mapping[str, float] = SOAKING) -> str:
    """A soak that was started so long ago and has entered these phases since."""
    farm = plant(database, protocol=SUSTAINED)
    started = start_attempt(database, farm.device_id)
    with database.read() as session:
        began_s = session.scalars(select(AttemptRow.started_at_s)).one() or 0.0
    at_ns = {phase: int(at_s * 1e9) for phase, at_s in phases.items()}
    set_columns(database, AttemptRow, started.attempt_id, started_at_s=began_s - seconds_ago, phases=at_ns)
    return started.run_id


def bring(database: Database, from_s: float, to_s: float, latency_ms: float = 500.0, seq: int = 10) -> None:
    """A minute's chunks: telemetry, and inferences of this latency."""
    durations = [int(latency_ms * 1e6)] * int((to_s - from_s) * 1e3 / latency_ms)
    inferences = factories.inferences(durations, Phase.WINDOW, int(from_s * 1e9))
    telemetry = factories.telemetry(int(from_s * 1e9), int(to_s * 1e9), 1.0)
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow)).one()
        attempt.cursor_seq = seq + 2
        blobs = (
            (Phase.WINDOW.value, len(durations), pack_inferences(inferences)),
            ("telemetry", len(telemetry.at_ns), pack_telemetry(telemetry)),
        )
        for number, (kind, count, blob) in enumerate(blobs):
            chunk = ChunkRow(attempt_id=attempt.id, seq=seq + number, kind=kind, count=count, blob=blob)
            session.add(chunk)


def look(database: Database, run: str) -> RunProgress:
    found = run_progress(database, run)
    assert found is not None
    return found


def test_a_soak_says_its_phase_its_end_and_the_newest_values_with_their_age(database: Database) -> None:
    run = begin(database)
    bring(database, 162.0, 222.0, latency_ms=400.0)
    bring(database, 222.0, 252.0, latency_ms=500.0, seq=20)
    found = look(database, run)
    assert (found.phase, found.temperature_c, found.clock_hz, found.latency_ms) == ("window", 52.5, 2.4e9, 500.0)
    assert (found.inferences, found.lines) == (150 + 60, 22)
    assert found.for_s == pytest.approx(120.0, abs=3.0)
    assert found.last_age_s == pytest.approx(30.0, abs=3.0)
    assert found.ends_in_s == pytest.approx(1200.0 - 120.0 + 600.0, abs=3.0)


def test_before_anything_has_come_it_says_so(database: Database) -> None:
    found = look(database, begin(database, seconds_ago=5.0, phases={"gate": 0.0}))
    assert (found.phase, found.last_age_s, found.ends_in_s, found.inferences) == ("gate", None, None, 0)


def test_a_board_whose_clock_runs_faster_is_told_in_time_on_the_wall(database: Database) -> None:
    run = begin(database, seconds_ago=28.2)
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow)).one()
        attempt.environment = {"measuring_hash": "ab", "facts": {"time_scale": 10.0}}
    bring(database, 162.0, 252.0)
    found = look(database, run)
    assert found.for_s == pytest.approx(12.0, abs=2.0)
    assert found.last_age_s == pytest.approx(3.0, abs=2.0)
    assert found.ends_in_s == pytest.approx(168.0, abs=2.0)


def test_what_waits_or_has_ended_is_not_under_way(database: Database) -> None:
    farm = plant(database, labels=("fp32", "int8"))
    staged = open_attempt(database, farm.device_id)
    assert run_progress(database, staged.run_id) is None
    assert run_progress(database, "nobody") is None


@pytest.mark.parametrize(
    ("phases", "ends_s"),
    [
        ({"gate": 0.0, "load": 40.0}, None),
        ({"gate": 0.0, "idle": 42.0}, 42.0 + 120 + 1200 + 600),
        (SOAKING, 162.0 + 1200 + 600),
        ({**SOAKING, "cooling": 1400.0}, 2000.0),
        ({**SOAKING, "gate": 200.0}, None),
    ],
)
def test_the_end_is_planned_from_the_phase_that_was_entered_last(
    phases: Mapping[str, float], ends_s: float | None
) -> None:
    assert planned_end_s(SUSTAINED, phases) == ends_s
