"""What a device picks next, and what no two attendants may do at once.

Each test runs on SQLite and on a real PostgreSQL.
"""

import pytest
from sqlalchemy.exc import IntegrityError

from orchestrator import studies
from orchestrator.attending import picking
from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyState
from orchestrator.attending.picking import SCRIPTED, Assignment, Idle, NotMyTurn
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, StudyDeviceRow, StudyRow
from orchestrator.protocols import preset
from tests.racing import at_once
from tests.small_farm import (
    BUNDLE_HASH,
    MANIFEST,
    QUICK,
    add_device,
    add_model,
    count_open,
    dump,
    finish,
    make_submission,
    open_attempt,
    plant,
    plant_twins,
    runs_of,
    set_columns,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


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
        finish(database, opened)
    assert picked == planned


def test_an_urgent_study_waits_for_the_block_that_has_begun_and_not_for_the_next(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], blocks=2)
    finish(database, open_attempt(database, farm.device_id))
    urgent = studies.submit(database, make_submission(priority=9))
    picked = []
    for _ in range(4):
        opened = open_attempt(database, farm.device_id)
        picked.append(opened.study_id)
        finish(database, opened)
    assert picked == [farm.study_id, urgent, urgent, farm.study_id]


def test_two_studies_share_a_device_block_by_block(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], blocks=2)
    other = studies.submit(database, make_submission(blocks=2))
    picked = []
    while isinstance(opened := picking.open_next(database, farm.device_id), Assignment):
        picked.append(opened.study_id)
        finish(database, opened)
    assert picked == [study for study in (farm.study_id, other) * 2 for _ in range(2)]


def test_a_cancelled_studys_runs_are_not_picked(database: Database) -> None:
    farm = plant(database)
    set_columns(database, StudyRow, farm.study_id, state=StudyState.CANCELLED)
    assert picking.open_next(database, farm.device_id) is Idle.NOTHING_QUEUED


def test_one_machine_measures_one_thing_at_a_time(database: Database) -> None:
    first, second = plant_twins(database, "a", "b")
    opened = open_attempt(database, first)
    assert picking.open_next(database, second) is Idle.MACHINE_BUSY
    finish(database, opened)
    open_attempt(database, second)


def test_boards_with_machines_of_their_own_measure_at_the_same_time(database: Database) -> None:
    ids = [add_device(database, "a"), add_device(database, "b")]
    add_model(database)
    studies.submit(database, make_submission())
    for device_id in ids:
        open_attempt(database, device_id)
    assert count_open(database) == 2


def test_scripted_measuring_may_overlap_on_a_machine(database: Database) -> None:
    first, second = plant_twins(database, "a", "b", runtimes=(SCRIPTED,))
    open_attempt(database, first)
    open_attempt(database, second)


def test_the_device_that_waited_longer_gets_the_machine(database: Database) -> None:
    first, second, third = plant_twins(database, "a", "b", "c")
    for device_id, served_at_s in ((first, 30.0), (second, 10.0), (third, 20.0)):
        set_columns(database, DeviceRow, device_id, last_served_at_s=served_at_s)
    assert picking.open_next(database, first) == NotMyTurn(device_id=second)
    finish(database, open_attempt(database, second))
    assert picking.open_next(database, first) == NotMyTurn(device_id=third)
    finish(database, open_attempt(database, third))
    open_attempt(database, first)


@pytest.mark.parametrize(
    "columns", [{"unreachable_in_row": 3}, {"state": DeviceState.SICK}, {"state": DeviceState.DRAINED}]
)
def test_a_device_that_cannot_be_served_does_not_hold_up_its_machine(
    database: Database, columns: dict[str, object]
) -> None:
    first, second = plant_twins(database, "a", "b")
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
    ids = plant_twins(database, "a", "b", "c", "d")
    for _ in range(4):
        opened = at_once(4, lambda index: picking.open_next(database, ids[index]))
        assert count_open(database) == 1
        (winner,) = [one for one in opened if isinstance(one, Assignment)]
        finish(database, winner)


def test_the_database_itself_refuses_a_second_open_attempt(database: Database) -> None:
    farm = plant(database)
    opened = open_attempt(database, farm.device_id)
    before = dump(database)
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(AttemptRow(run_id=opened.run_id, number=2, device_id=farm.device_id))
    assert dump(database) == before


def test_the_start_temperature_of_a_study_is_asked_of_all_its_later_runs(database: Database) -> None:
    farm = plant(database, protocol=preset("standard").protocol)
    with database.write() as session:
        session.get_one(StudyDeviceRow, (farm.study_id, farm.device_id)).start_c = 48.5
    gate = open_attempt(database, farm.device_id).protocol.gate
    assert (gate.start_c, gate.above_idle_c) == (48.5, None)
