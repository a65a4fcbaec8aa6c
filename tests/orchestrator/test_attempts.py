"""Attempts: what a device picks, what no two attendants may do at once, and what becomes of a run that failed.

What depends on the database runs on SQLite and on a real PostgreSQL.
"""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from agent.wire.records import Fault
from orchestrator import attempts, picking, studies
from orchestrator.attempts import OvertakenError
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.lifecycle import (
    MAX_DEVICE_FAULTS,
    OPEN_ATTEMPT_STATES,
    SICK_AFTER_FAULTS,
    AttemptState,
    DeviceState,
    RunState,
    StudyState,
)
from orchestrator.picking import SCRIPTED, Assignment, Idle, NotMyTurn
from orchestrator.protocols import preset
from tests.racing import at_once
from tests.small_farm import (
    BUNDLE_HASH,
    MANIFEST,
    QUICK,
    add_device,
    add_model,
    dump,
    get_attempt,
    get_device,
    get_run,
    make_submission,
    open_attempt,
    plant,
    runs_of,
    set_columns,
    start_attempt,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def close_attempt(database: Database, assignment: Assignment) -> None:
    """End an attempt."""
    with database.write() as session:
        attempts.close(session, session.get_one(AttemptRow, assignment.attempt_id), AttemptState.ENDED)


def close(database: Database, assignment: Assignment) -> None:
    """End an attempt, its run being done."""
    close_attempt(database, assignment)
    set_columns(database, RunRow, assignment.run_id, state=RunState.DONE)


def fail(
    database: Database,
    assignment: Assignment,
    fault: Fault = Fault.DEVICE,
    state: AttemptState = AttemptState.ENDED,
) -> None:
    """End an attempt by somebody's fault."""
    with database.write() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        attempts.fail(session, attempt, state, fault, "no_space", "the disk is full")


def count_open(database: Database) -> int:
    """How many attempts are open."""
    with database.read() as session:
        return len(session.scalars(select(AttemptRow.id).where(AttemptRow.state.in_(OPEN_ATTEMPT_STATES))).all())


def twins(database: Database, *names: str, runtimes: tuple[str, ...] = ("onnxruntime",)) -> list[int]:
    """Devices that share a machine, with a study of two variants on each."""
    ids = [add_device(database, name, machine_key="host", simulated=True) for name in names]
    add_model(database, runtimes=runtimes)
    studies.submit(database, make_submission())
    return ids


def test_an_assignment_holds_all_that_an_attendant_needs(database: Database) -> None:
    farm = plant(database, threads=(4,), runtime_options={"graph": "off"})
    opened = open_attempt(database, farm.device_id)
    assert opened.manifest == MANIFEST
    assert (opened.runtime, opened.threads, opened.runtime_options) == ("onnxruntime", 4, {"graph": "off"})
    assert (opened.protocol, opened.bundle_hash) == (QUICK, BUNDLE_HASH)
    assert (opened.number, opened.cursor_byte, opened.state) == (1, 0, AttemptState.STAGING)
    assert opened.is_wanted
    assert picking.current(database, farm.device_id) == opened


def test_an_idle_device_has_no_attempt_and_nothing_to_pick(database: Database) -> None:
    device_id = add_device(database)
    assert picking.current(database, device_id) is None
    assert picking.open_next(database, device_id) is Idle.NOTHING_QUEUED


@pytest.mark.parametrize("state", [DeviceState.DRAINED, DeviceState.SICK])
def test_a_device_out_of_service_picks_nothing_and_keeps_its_queue(database: Database, state: DeviceState) -> None:
    farm = plant(database)
    set_columns(database, DeviceRow, farm.device_id, state=state)
    assert picking.open_next(database, farm.device_id) is Idle.NOT_READY
    assert [run.state for run in runs_of(database, farm.study_id)] == [RunState.QUEUED]
    set_columns(database, DeviceRow, farm.device_id, state=DeviceState.READY)
    open_attempt(database, farm.device_id)


def test_a_device_works_through_its_study_in_the_order_that_was_planned(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"], blocks=2)
    planned = [run.id for run in runs_of(database, farm.study_id)]
    picked = []
    while isinstance(opened := picking.open_next(database, farm.device_id), Assignment):
        picked.append(opened.run_id)
        close(database, opened)
    assert picked == planned


def test_an_urgent_study_waits_for_the_block_that_has_begun_and_not_for_the_next(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], blocks=2)
    close(database, open_attempt(database, farm.device_id))
    urgent = studies.submit(database, make_submission(priority=9))
    picked = []
    for _ in range(4):
        opened = open_attempt(database, farm.device_id)
        picked.append(opened.study_id)
        close(database, opened)
    assert picked == [farm.study_id, urgent, urgent, farm.study_id]


def test_two_studies_share_a_device_block_by_block(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], blocks=2)
    other = studies.submit(database, make_submission(blocks=2))
    picked = []
    while isinstance(opened := picking.open_next(database, farm.device_id), Assignment):
        picked.append(opened.study_id)
        close(database, opened)
    assert picked == [study for study in (farm.study_id, other) * 2 for _ in range(2)]


def test_a_cancelled_studys_runs_are_not_picked(database: Database) -> None:
    farm = plant(database)
    set_columns(database, StudyRow, farm.study_id, state=StudyState.CANCELLED)
    assert picking.open_next(database, farm.device_id) is Idle.NOTHING_QUEUED


def test_one_machine_measures_one_thing_at_a_time(database: Database) -> None:
    first, second = twins(database, "a", "b")
    opened = open_attempt(database, first)
    assert picking.open_next(database, second) is Idle.MACHINE_BUSY
    close(database, opened)
    open_attempt(database, second)


def test_boards_with_machines_of_their_own_measure_at_the_same_time(database: Database) -> None:
    ids = [add_device(database, "a"), add_device(database, "b")]
    add_model(database)
    studies.submit(database, make_submission())
    for device_id in ids:
        open_attempt(database, device_id)
    assert count_open(database) == 2


def test_scripted_measuring_may_overlap_on_a_machine(database: Database) -> None:
    first, second = twins(database, "a", "b", runtimes=(SCRIPTED,))
    open_attempt(database, first)
    open_attempt(database, second)


def test_the_device_that_waited_longer_gets_the_machine(database: Database) -> None:
    first, second, third = twins(database, "a", "b", "c")
    for device_id, served_at_s in ((first, 30.0), (second, 10.0), (third, 20.0)):
        set_columns(database, DeviceRow, device_id, last_served_at_s=served_at_s)
    assert picking.open_next(database, first) == NotMyTurn(device_id=second)
    close(database, open_attempt(database, second))
    assert picking.open_next(database, first) == NotMyTurn(device_id=third)
    close(database, open_attempt(database, third))
    open_attempt(database, first)


@pytest.mark.parametrize(
    "columns", [{"unreachable_in_row": 3}, {"state": DeviceState.SICK}, {"state": DeviceState.DRAINED}]
)
def test_a_device_that_cannot_be_served_does_not_hold_up_its_machine(
    database: Database, columns: dict[str, object]
) -> None:
    first, second = twins(database, "a", "b")
    set_columns(database, DeviceRow, first, last_served_at_s=30.0)
    set_columns(database, DeviceRow, second, last_served_at_s=10.0, **columns)
    open_attempt(database, first)


def test_a_device_without_work_does_not_hold_up_its_machine(database: Database) -> None:
    idle = add_device(database, "idle", machine_key="host")
    busy = add_device(database, "busy", machine_key="host", last_served_at_s=30.0)
    add_model(database)
    studies.submit(database, make_submission(devices=("busy",)))
    assert picking.open_next(database, idle) is Idle.NOTHING_QUEUED
    open_attempt(database, busy)


def test_however_many_attendants_race_for_a_device_one_attempt_is_open(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"])
    opened = at_once(4, lambda _: picking.open_next(database, farm.device_id))
    assert sum(isinstance(one, Assignment) for one in opened) == 1
    assert count_open(database) == 1
    assert sum(run.attempts_made for run in runs_of(database, farm.study_id)) == 1


def test_however_many_devices_race_for_a_machine_one_attempt_is_open(database: Database) -> None:
    ids = twins(database, "a", "b", "c", "d")
    for _ in range(4):
        opened = at_once(4, lambda index: picking.open_next(database, ids[index]))
        assert count_open(database) == 1
        (winner,) = [one for one in opened if isinstance(one, Assignment)]
        close(database, winner)


def test_the_database_itself_refuses_a_second_open_attempt(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    before = dump(database)
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(AttemptRow(run_id=opened.run_id, number=2, device_id=farm.device_id))
    assert dump(database) == before


def test_a_cancel_that_comes_before_the_start_holds(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    assert not attempts.mark_started(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED


def test_racing_with_a_cancel_a_start_either_goes_before_or_does_not_happen(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    acts = (lambda: attempts.mark_started(database, opened.attempt_id), lambda: studies.cancel(database, farm.study_id))
    at_once(2, lambda index: acts[index]())
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    now = picking.current(database, farm.device_id)
    assert now is not None
    assert not now.is_wanted


@pytest.mark.parametrize("fault", [Fault.DEVICE, Fault.MODEL])
def test_racing_with_a_cancel_a_failure_does_not_bring_a_run_back(database: Database, fault: Fault) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    acts = (lambda: fail(database, opened, fault), lambda: studies.cancel(database, farm.study_id))
    at_once(2, lambda index: acts[index]())
    assert get_run(database, opened.run_id).state in (RunState.CANCELLED, RunState.FAILED)
    assert picking.open_next(database, farm.device_id) is Idle.NOTHING_QUEUED


def test_marking_a_start_twice_is_no_second_start_of_another_state(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    assert attempts.mark_started(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.RUNNING
    assert get_attempt(database, opened.attempt_id).state is AttemptState.STARTED


def test_an_attempt_that_never_reached_the_board_counts_no_try(database: Database) -> None:
    farm = plant(database)
    for _ in range(MAX_DEVICE_FAULTS + SICK_AFTER_FAULTS):
        opened = open_attempt(database, farm.device_id)
        assert opened.number == 1
        attempts.withdraw(database, opened.attempt_id)
    run = get_run(database, opened.run_id)
    assert (run.state, run.attempts_made, run.device_faults) == (RunState.QUEUED, 0, 0)
    assert get_device(database, farm.device_id).state is DeviceState.READY


def test_withdrawing_frees_the_machine_and_does_not_undo_a_cancel(database: Database) -> None:
    first, second = twins(database, "a", "b")
    opened = open_attempt(database, first)
    studies.cancel(database, opened.study_id)
    attempts.withdraw(database, opened.attempt_id)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    studies.submit(database, make_submission(devices=("b",)))
    open_attempt(database, second)


def test_a_devices_fault_is_worth_three_tries_and_then_the_run_has_failed(database: Database) -> None:
    farm = plant(database)
    states = []
    for number in range(1, MAX_DEVICE_FAULTS + 1):
        opened = start_attempt(database, farm.device_id)
        assert opened.number == number
        fail(database, opened)
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
    fail(database, opened, fault)
    assert get_run(database, opened.run_id).state is RunState.FAILED
    assert get_device(database, farm.device_id).faults_in_row == 0


def test_a_lost_attempt_is_over_and_its_run_gets_another(database: Database) -> None:
    farm = plant(database)
    lost = start_attempt(database, farm.device_id)
    fail(database, lost, state=AttemptState.LOST)
    assert get_attempt(database, lost.attempt_id).state is AttemptState.LOST
    again = open_attempt(database, farm.device_id)
    assert (again.run_id, again.number, again.cursor_byte) == (lost.run_id, 2, 0)


def test_a_device_is_sick_after_faults_in_a_row_and_keeps_its_queue(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"])
    faults = 0
    while isinstance(opened := picking.open_next(database, farm.device_id), Assignment):
        attempts.mark_started(database, opened.attempt_id)
        fail(database, opened)
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
    fail(database, opened)
    device = get_device(database, farm.device_id)
    assert (device.state, device.state_reason) == (DeviceState.DRAINED, "moved")


def test_a_cancelled_run_is_not_brought_back_by_its_failure(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    fail(database, opened)
    assert get_run(database, opened.run_id).state is RunState.CANCELLED
    assert get_device(database, farm.device_id).faults_in_row == 0


def test_whoever_comes_late_changes_nothing(database: Database) -> None:
    """An attendant that was paused for longer than its lease finds its attempt closed, and another one open."""
    farm = plant(database)
    late = start_attempt(database, farm.device_id)
    fail(database, late, state=AttemptState.LOST)
    open_attempt(database, farm.device_id)
    before = dump(database)
    attempts.withdraw(database, late.attempt_id)
    assert not attempts.mark_started(database, late.attempt_id)
    with pytest.raises(OvertakenError):
        fail(database, late)
    with pytest.raises(OvertakenError):
        close_attempt(database, late)
    assert dump(database) == before


def test_of_many_who_see_the_same_fault_at_once_one_counts_it(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)

    def fail_or_lose(_: int) -> bool:
        try:
            fail(database, opened)
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
    attempts.mark_started(database, late.attempt_id)
    attempts.withdraw(database, late.attempt_id)
    assert get_run(database, late.run_id).state is RunState.RUNNING
    assert count_open(database) == 1


def test_the_start_temperature_of_a_study_is_asked_of_all_its_later_runs(database: Database) -> None:
    farm = plant(database, protocol=preset("standard").protocol)
    with database.write() as session:
        session.get_one(StudyDeviceRow, (farm.study_id, farm.device_id)).start_c = 48.5
    gate = open_attempt(database, farm.device_id).protocol.gate
    assert (gate.start_c, gate.above_idle_c) == (48.5, None)
