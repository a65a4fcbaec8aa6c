"""What becomes of an attempt and its run: started, withdrawn, failed, and who comes too late.

Each test runs on SQLite and on a real PostgreSQL.
"""

import pytest

from agent.wire.records import Fault
from orchestrator import studies
from orchestrator.attending import picking
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.lifecycle import (
    MAX_DEVICE_FAULTS,
    SICK_AFTER_FAULTS,
    AttemptState,
    DeviceState,
    RunState,
    StudyState,
)
from orchestrator.attending.picking import Assignment, Idle
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, StudyRow
from tests.racing import at_once
from tests.small_farm import (
    close_attempt,
    count_open,
    dump,
    fail_attempt,
    get_attempt,
    get_device,
    get_run,
    make_submission,
    mark_started,
    open_attempt,
    plant,
    plant_twins,
    runs_of,
    set_columns,
    start_attempt,
    withdraw,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def test_a_cancel_that_comes_before_the_start_holds(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    assert not mark_started(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED


def test_racing_with_a_cancel_a_start_either_goes_before_or_does_not_happen(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    acts = (lambda: mark_started(database, opened.attempt_id), lambda: studies.cancel(database, farm.study_id))
    at_once(2, lambda index: acts[index]())
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    now = picking.current(database, farm.device_id)
    assert now is not None
    assert not now.is_wanted


@pytest.mark.parametrize("fault", [Fault.DEVICE, Fault.MODEL])
def test_racing_with_a_cancel_a_failure_does_not_bring_a_run_back(database: Database, fault: Fault) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    acts = (lambda: fail_attempt(database, opened, fault), lambda: studies.cancel(database, farm.study_id))
    at_once(2, lambda index: acts[index]())
    assert get_run(database, opened.run_id).state in (RunState.CANCELLED, RunState.FAILED)
    assert picking.open_next(database, farm.device_id) is Idle.NOTHING_QUEUED


def test_marking_a_start_twice_is_no_second_start_of_another_state(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    assert mark_started(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.RUNNING
    assert get_attempt(database, opened.attempt_id).state is AttemptState.STARTED


def test_an_attempt_that_never_reached_the_board_counts_no_try(database: Database) -> None:
    farm = plant(database)
    for _ in range(MAX_DEVICE_FAULTS + SICK_AFTER_FAULTS):
        opened = open_attempt(database, farm.device_id)
        assert opened.number == 1
        withdraw(database, opened.attempt_id)
    run = get_run(database, opened.run_id)
    assert (run.state, run.attempts_made, run.device_faults) == (RunState.QUEUED, 0, 0)
    assert get_device(database, farm.device_id).state is DeviceState.READY


def test_withdrawing_frees_the_machine_and_does_not_undo_a_cancel(database: Database) -> None:
    first, second = plant_twins(database, "a", "b")
    opened = open_attempt(database, first)
    studies.cancel(database, opened.study_id)
    withdraw(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    studies.submit(database, make_submission(devices=("b",)))
    open_attempt(database, second)


def test_a_devices_fault_is_worth_three_tries_and_then_the_run_has_failed(database: Database) -> None:
    farm = plant(database)
    states = []
    for number in range(1, MAX_DEVICE_FAULTS + 1):
        opened = start_attempt(database, farm.device_id)
        assert opened.number == number
        fail_attempt(database, opened)
        states.append(get_run(database, opened.run_id).state)
    assert states == [RunState.QUEUED, RunState.QUEUED, RunState.FAILED]
    run = get_run(database, opened.run_id)
    assert (run.code, run.message, run.device_faults) == ("no_space", "the disk is full", MAX_DEVICE_FAULTS)
    assert run.ended_at_s is not None
    with database.read() as session:
        assert session.get_one(StudyRow, farm.study_id).state is StudyState.DONE


@pytest.mark.parametrize("fault", [Fault.SPEC, Fault.MODEL, Fault.AGENT])
def test_nobody_elses_fault_is_tried_again_or_held_against_the_device(database: Database, fault: Fault) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    fail_attempt(database, opened, fault)
    assert get_run(database, opened.run_id).state is RunState.FAILED
    assert get_device(database, farm.device_id).faults_in_row == 0


def test_a_lost_attempt_is_over_and_its_run_gets_another(database: Database) -> None:
    farm = plant(database)
    lost = start_attempt(database, farm.device_id)
    fail_attempt(database, lost, state=AttemptState.LOST)
    assert get_attempt(database, lost.attempt_id).state is AttemptState.LOST
    again = open_attempt(database, farm.device_id)
    assert (again.run_id, again.number, again.cursor_byte) == (lost.run_id, 2, 0)


def test_a_device_is_sick_after_faults_in_a_row_and_keeps_its_queue(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"])
    faults = 0
    while isinstance(opened := picking.open_next(database, farm.device_id), Assignment):
        mark_started(database, opened.attempt_id)
        fail_attempt(database, opened)
        faults += 1
    device = get_device(database, farm.device_id)
    assert (faults, opened, device.state) == (SICK_AFTER_FAULTS, Idle.NOT_READY, DeviceState.SICK)
    assert "5 faults in a row, the last: no_space: the disk is full" in device.state_reason
    states = [run.state for run in runs_of(database, farm.study_id)]
    assert states.count(RunState.FAILED) == 1
    assert states.count(RunState.QUEUED) == 2


def test_a_drained_device_stays_drained_whatever_its_last_run_comes_to(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    set_columns(
        database,
        DeviceRow,
        farm.device_id,
        state=DeviceState.DRAINED,
        faults_in_row=SICK_AFTER_FAULTS,
        state_reason="moved",
    )
    fail_attempt(database, opened)
    device = get_device(database, farm.device_id)
    assert (device.state, device.state_reason) == (DeviceState.DRAINED, "moved")


def test_a_cancelled_run_is_not_brought_back_by_its_failure(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    fail_attempt(database, opened)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    assert get_device(database, farm.device_id).faults_in_row == 0


def test_whoever_comes_late_changes_nothing(database: Database) -> None:
    """An attendant that was paused for longer than its lease finds its attempt closed, and another one open."""
    farm = plant(database)
    late = start_attempt(database, farm.device_id)
    fail_attempt(database, late, state=AttemptState.LOST)
    open_attempt(database, farm.device_id)
    before = dump(database)
    withdraw(database, late.attempt_id)
    assert not mark_started(database, late.attempt_id)
    with pytest.raises(OvertakenError):
        fail_attempt(database, late)
    with pytest.raises(OvertakenError):
        close_attempt(database, late)
    assert dump(database) == before


def test_of_many_who_see_the_same_fault_at_once_one_counts_it(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)

    def fail_or_lose(_: int) -> bool:
        try:
            fail_attempt(database, opened)
        except OvertakenError:
            return False
        return True

    assert sorted(at_once(4, fail_or_lose)) == [False, False, False, True]
    run = get_run(database, opened.run_id)
    assert (run.state, run.device_faults) == (RunState.QUEUED, 1)
    assert get_device(database, farm.device_id).faults_in_row == 1


def test_an_attempt_that_another_attendant_has_started_is_not_withdrawn(database: Database) -> None:
    farm = plant(database)
    late = open_attempt(database, farm.device_id)
    mark_started(database, late.attempt_id)
    withdraw(database, late.attempt_id)
    assert get_run(database, late.run_id).state is RunState.RUNNING
    assert count_open(database) == 1
