"""What an ended attempt comes to: figures and verdict of its run, another try, or a failure that says why."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from sqlalchemy import select

from agent.wire.codec import WireError
from agent.wire.records import Fault, Inferences, Phase, Record, Telemetry
from orchestrator import studies
from orchestrator.analysis.validity import ANALYSIS_VERSION
from orchestrator.attending import results
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.ingest import ingest
from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyState, Verdict
from orchestrator.attending.picking import Assignment
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow
from orchestrator.protocols import preset
from tests.journals import (
    STEADY_NS,
    UNDER_VOLTAGE,
    aborted_records,
    completed_records,
    encode_journal,
    failed_records,
)
from tests.small_farm import (
    SmallFarm,
    dump,
    get_attempt,
    get_device,
    get_run,
    plant,
    set_columns,
    start_attempt,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def deliver(database: Database, assignment: Assignment, records: Iterable[Record]) -> None:
    """A whole journal arrives and its end is settled, as an attendant does it: in one transaction."""
    with database.write() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        taken = ingest(session, attempt, encode_journal(records), attempt.cursor_byte)
        assert taken.ended is not None
        results.settle(session, attempt, taken.ended)


def measure(database: Database, farm: SmallFarm, **changes: object) -> RunRow:
    """The next attempt of the farm's device, started, completed and settled."""
    opened = start_attempt(database, farm.device_id)
    deliver(database, opened, completed_records(opened.run_id, opened.number, **changes))
    return get_run(database, opened.run_id)


def events(database: Database) -> list[str]:
    """The diary's kinds, in order."""
    return [str(row[2]) for row in sorted(dump(database)["events"])]


def test_a_completed_attempt_fills_the_runs_figures(database: Database) -> None:
    run = measure(database, plant(database))
    assert (run.state, run.verdict, run.counted_attempt) == (RunState.DONE, Verdict.VALID, 1)
    assert run.median_ns == np.median(STEADY_NS)
    assert run.mean_ns == pytest.approx(np.mean(STEADY_NS))
    assert (run.samples, run.min_ns, run.max_ns) == (len(STEADY_NS), min(STEADY_NS), max(STEADY_NS))
    assert (run.p90_ns, run.p99_ns) == (None, None)
    assert run.window_s == pytest.approx(sum(STEADY_NS) / 1e9)
    assert (run.first_ns, run.load_ns, run.peak_rss_bytes) == (900_000_000, 1_000_000_000, 90_000_000)
    assert (run.runtime_version, run.analysis_version) == ("1.32.0", ANALYSIS_VERSION)
    assert run.start_c is not None and run.end_c is not None and run.max_c is not None
    assert 45.0 < run.start_c < run.end_c == run.max_c < 55.0
    assert run.ended_at_s is not None


def test_the_attempt_is_closed_and_the_machine_served(database: Database) -> None:
    farm = plant(database)
    measure(database, farm)
    attempt = get_attempt(database, 1)
    assert (attempt.state, attempt.code) == (AttemptState.ENDED, "")
    assert attempt.closed_at_s is not None
    assert get_device(database, farm.device_id).last_served_at_s > 0


def test_the_last_result_ends_the_study(database: Database) -> None:
    farm = plant(database, labels=["a", "b"])
    states = []
    for _ in range(2):
        measure(database, farm)
        with database.read() as session:
            states.append(session.get_one(StudyRow, farm.study_id).state)
    assert states == [StudyState.ACTIVE, StudyState.DONE]
    assert events(database)[-1] == "study ended"


def test_a_good_result_ends_a_row_of_faults(database: Database) -> None:
    farm = plant(database)
    set_columns(database, DeviceRow, farm.device_id, faults_in_row=4)
    measure(database, farm)
    assert get_device(database, farm.device_id).faults_in_row == 0


def test_a_percentile_is_given_where_there_are_enough_inferences_for_it(database: Database) -> None:
    run = measure(database, plant(database), durations_ns=[800_000_000 + index for index in range(40)])
    assert run.p90_ns == pytest.approx(800_000_000 + 0.9 * 39)
    assert run.p99_ns is None


def test_an_invalid_result_is_measured_once_more_and_then_kept_as_invalid(database: Database) -> None:
    farm = plant(database)
    first = measure(database, farm, throttled=UNDER_VOLTAGE)
    assert (first.state, first.verdict, first.counted_attempt) == (RunState.QUEUED, None, None)
    assert get_attempt(database, 1).code == "invalid"
    assert "under-voltage" in get_attempt(database, 1).message
    second = measure(database, farm, throttled=UNDER_VOLTAGE)
    assert (second.id, second.state, second.verdict) == (first.id, RunState.DONE, Verdict.INVALID)
    assert (second.counted_attempt, second.median_ns) == (2, np.median(STEADY_NS))
    assert next(reason["code"] for reason in second.reasons) == "under-voltage"
    assert events(database).count("run requeued") == 1


def test_a_valid_result_after_an_invalid_one_counts(database: Database) -> None:
    farm = plant(database)
    measure(database, farm, throttled=UNDER_VOLTAGE)
    run = measure(database, farm)
    assert (run.verdict, run.counted_attempt, run.reasons) == (Verdict.VALID, 2, [])


def test_an_invalid_result_is_no_fault_of_the_device(database: Database) -> None:
    farm = plant(database)
    measure(database, farm, throttled=UNDER_VOLTAGE)
    device = get_device(database, farm.device_id)
    assert (device.state, device.faults_in_row) == (DeviceState.READY, 0)
    assert get_run(database, get_attempt(database, 1).run_id).device_faults == 0


@pytest.mark.parametrize(
    ("fault", "expected", "faults_in_row"),
    [(Fault.DEVICE, RunState.QUEUED, 1), (Fault.MODEL, RunState.FAILED, 0), (Fault.SPEC, RunState.FAILED, 0)],
)
def test_a_failed_attempt_says_why_and_only_a_devices_fault_is_tried_again(
    database: Database, fault: Fault, expected: RunState, faults_in_row: int
) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    deliver(database, opened, failed_records(opened.run_id, fault=fault, code="input", message="cannot invent x"))
    run = get_run(database, opened.run_id)
    assert (run.state, run.code, run.message) == (expected, "input", "cannot invent x")
    assert (run.median_ns, run.verdict) == (None, None)
    assert get_device(database, farm.device_id).faults_in_row == faults_in_row


def test_an_attempt_that_was_aborted_on_the_board_is_tried_again(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    deliver(database, opened, aborted_records(opened.run_id))
    run = get_run(database, opened.run_id)
    assert (run.state, run.code, run.message) == (RunState.QUEUED, "aborted", "aborted on the board")


def test_a_result_of_a_cancelled_run_is_kept_and_not_counted(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    deliver(database, opened, completed_records(opened.run_id))
    run = get_run(database, opened.run_id)
    assert (run.state, run.median_ns, run.counted_attempt) == (RunState.CANCELLED, None, None)
    assert get_attempt(database, opened.attempt_id).code == "superseded"
    assert len(dump(database)["chunks"]) == 3
    assert events(database)[-1] == "result superseded"


def test_the_same_end_does_not_count_twice(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    deliver(database, opened, completed_records(opened.run_id))
    before = dump(database)
    with pytest.raises(OvertakenError):
        deliver(database, opened, completed_records(opened.run_id))
    assert dump(database) == before


def test_a_journal_that_says_completed_and_holds_no_measurement_is_refused_whole(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    before = dump(database)
    empty = [
        record
        for record in completed_records(opened.run_id)
        if not (isinstance(record, Inferences) and record.phase is Phase.WINDOW)
    ]
    with pytest.raises(WireError, match="a completed run without an inference in its window"):
        deliver(database, opened, empty)
    assert dump(database) == before


def test_recomputing_gives_the_same_figures_and_touches_no_raw_data(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"])
    measure(database, farm)
    measure(database, farm, durations_ns=[800_000_000 + 1_000 * (index % 5) for index in range(70)])
    before = dump(database)
    assert results.recompute_all(database) == 2
    assert dump(database) == before


def test_recomputing_mends_derived_figures_from_the_raw_data(database: Database) -> None:
    run = measure(database, plant(database))
    before = dump(database)
    set_columns(database, RunRow, run.id, median_ns=1.0, verdict=Verdict.INVALID, analysis_version=0, samples=3)
    results.recompute_all(database)
    assert dump(database) == before


def test_recomputing_does_not_bring_an_ended_run_back(database: Database) -> None:
    farm = plant(database)
    states: Sequence[RunState] = [measure(database, farm, throttled=UNDER_VOLTAGE).state for _ in range(2)]
    assert states[-1] is RunState.DONE
    results.recompute_all(database)
    with database.read() as session:
        assert session.scalars(select(RunRow.state)).all() == [RunState.DONE]


SOAK_NS = tuple(800_000_000 + 100_000 * (index % 7) for index in range(500))
SUSTAINED = preset("sustained").protocol
SOFT_LIMIT = 1 << 3


def soak_figures(run: RunRow) -> tuple[object, ...]:
    """What is null for a burst."""
    return (
        *(run.onset_s, run.known_until_s, run.onset_cause, run.settled_ms, run.sustained_ratio),
        *(run.stability, run.settled_c, run.cooling_tau_s, run.throttled_s),
    )


def test_a_soak_fills_what_it_shows_of_its_board(database: Database) -> None:
    run = measure(database, plant(database, protocol=SUSTAINED), durations_ns=SOAK_NS)
    assert (run.onset_s, run.onset_cause, run.throttled_s) == (None, "it did not slow down", 0.0)
    assert run.known_until_s == pytest.approx((sum(SOAK_NS) + sum(SOAK_NS[:3])) / 1e9)
    assert run.settled_ms == pytest.approx(np.median(SOAK_NS) / 1e6)
    assert run.sustained_ratio == pytest.approx(1.0, rel=0.001)
    assert run.stability == pytest.approx(1.0, rel=0.001)


def test_a_soak_that_throttled_says_when_and_for_how_long(database: Database) -> None:
    farm = plant(database, protocol=SUSTAINED)
    run = measure(database, farm, durations_ns=SOAK_NS, throttled=SOFT_LIMIT)
    assert run.onset_s is not None and run.onset_s < 0.3
    assert run.throttled_s == pytest.approx(run.known_until_s, abs=0.5)


def test_a_burst_has_no_figures_of_a_soak(database: Database) -> None:
    assert soak_figures(measure(database, plant(database))) == (None,) * 9


def test_figures_of_a_soak_that_an_older_analysis_did_not_make_come_with_the_recomputing(database: Database) -> None:
    run = measure(database, plant(database, protocol=SUSTAINED), durations_ns=SOAK_NS)
    before = soak_figures(run)
    set_columns(database, RunRow, run.id, settled_ms=None, known_until_s=None, onset_cause=None, stability=None)
    results.recompute_all(database)
    assert soak_figures(get_run(database, run.id)) == before


@pytest.mark.parametrize(("protocol", "has_energy"), [("quick", True), ("sweep", False)])
def test_energy_of_an_inference_is_told_unless_a_burner_took_its_share(
    database: Database, protocol: str, has_energy: bool
) -> None:
    farm = plant(database, protocol=preset(protocol).protocol)
    opened = start_attempt(database, farm.device_id)
    records = [
        dataclasses.replace(record, power_w=(5.0,) * len(record.at_ns)) if isinstance(record, Telemetry) else record
        for record in completed_records(opened.run_id, opened.number)
    ]
    deliver(database, opened, records)
    run = get_run(database, opened.run_id)
    assert run.state is RunState.DONE
    assert (run.energy_j is not None) is has_energy
