"""What may be done to a study afterwards: cancel, retry and abandon, in whatever state it is; and how it ends."""

import pytest
from sqlalchemy import select

from orchestrator import studies
from orchestrator.attending import attempts, picking
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyState, Verdict
from orchestrator.attending.picking import Idle
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.errors import NotFoundError
from tests.small_farm import (
    add_device,
    add_model,
    dump,
    get_attempt,
    get_device,
    get_run,
    get_study,
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


def test_cancelling_holds_at_once_for_a_queued_a_staging_and_a_running_run(database: Database) -> None:
    add_device(database, "queued")
    staging, running = add_device(database, "staging"), add_device(database, "running")
    add_model(database, labels=["fp32"])
    study_id = studies.submit(database, make_submission())
    attempts_before = [open_attempt(database, staging), start_attempt(database, running)]
    assert studies.cancel(database, study_id) == 3
    assert {run.state for run in runs_of(database, study_id)} == {RunState.CANCELLED}
    assert get_study(database, study_id).state is StudyState.CANCELLED
    assert get_study(database, study_id).ended_at_s is not None
    for before, device_id in zip(attempts_before, (staging, running), strict=True):
        now = picking.current(database, device_id)
        assert now is not None
        assert now.attempt_id == before.attempt_id
        assert not now.is_wanted


def test_after_a_cancel_nothing_is_left_to_pick_and_boards_are_called_to_be_told(database: Database) -> None:
    farm = plant(database, labels=["a", "b"])
    start_attempt(database, farm.device_id)
    set_columns(database, DeviceRow, farm.device_id, next_attention_at_s=None)
    studies.cancel(database, farm.study_id)
    assert get_device(database, farm.device_id).next_attention_at_s is not None
    with database.write() as session:
        open_row = get_attempt(database, 1)
        attempts.close(session, session.merge(open_row), AttemptState.ABANDONED)
    assert picking.open_next(database, farm.device_id) is Idle.NOTHING_QUEUED


def test_cancelling_keeps_what_was_measured_and_cancelling_twice_changes_nothing_more(database: Database) -> None:
    farm = plant(database, labels=["a", "b"])
    done = runs_of(database, farm.study_id)[0]
    set_columns(database, RunRow, done.id, state=RunState.DONE, median_ns=5.0)
    assert studies.cancel(database, farm.study_id) == 1
    assert get_run(database, done.id).state is RunState.DONE
    before = dump(database)
    assert studies.cancel(database, farm.study_id) == 0
    assert dump(database) == before


def test_a_study_that_is_done_stays_done_when_it_is_cancelled(database: Database) -> None:
    farm = plant(database)
    set_columns(database, RunRow, runs_of(database, farm.study_id)[0].id, state=RunState.DONE)
    set_columns(database, StudyRow, farm.study_id, state=StudyState.DONE)
    assert studies.cancel(database, farm.study_id) == 0
    assert get_study(database, farm.study_id).state is StudyState.DONE


def test_retry_queues_failed_cancelled_and_invalid_runs_with_all_their_tries(database: Database) -> None:
    farm = plant(database, labels=["failed", "cancelled", "invalid", "valid", "suspect"])
    by_label = {}
    with database.read() as session:
        for run in session.scalars(select(RunRow)):
            by_label[run.variant.build.label] = run.id
    set_columns(database, RunRow, by_label["failed"], state=RunState.FAILED, device_faults=3)
    set_columns(database, RunRow, by_label["cancelled"], state=RunState.CANCELLED)
    invalid = {"state": RunState.DONE, "verdict": Verdict.INVALID, "invalid_results": 2}
    set_columns(database, RunRow, by_label["invalid"], **invalid)
    set_columns(database, RunRow, by_label["valid"], state=RunState.DONE, verdict=Verdict.VALID)
    set_columns(database, RunRow, by_label["suspect"], state=RunState.DONE, verdict=Verdict.SUSPECT)
    set_columns(database, StudyRow, farm.study_id, state=StudyState.CANCELLED, ended_at_s=5.0)
    assert studies.retry(database, farm.study_id) == 3
    queued = {label for label, run_id in by_label.items() if get_run(database, run_id).state is RunState.QUEUED}
    assert queued == {"failed", "cancelled", "invalid"}
    assert {run.device_faults + run.invalid_results for run in runs_of(database, farm.study_id)} == {0}
    study = get_study(database, farm.study_id)
    assert (study.state, study.ended_at_s) == (StudyState.ACTIVE, None)


def test_a_retry_with_nothing_to_do_does_not_wake_an_ended_study(database: Database) -> None:
    farm = plant(database)
    set_columns(database, RunRow, runs_of(database, farm.study_id)[0].id, state=RunState.DONE, verdict=Verdict.VALID)
    set_columns(database, StudyRow, farm.study_id, state=StudyState.DONE)
    assert studies.retry(database, farm.study_id) == 0
    assert get_study(database, farm.study_id).state is StudyState.DONE


def test_a_cancelled_run_that_is_retried_does_not_go_on_with_its_old_attempt(database: Database) -> None:
    farm = plant(database)
    old = start_attempt(database, farm.device_id)
    studies.cancel(database, farm.study_id)
    studies.retry(database, farm.study_id)
    now = picking.current(database, farm.device_id)
    assert now is not None
    assert now.attempt_id == old.attempt_id
    assert not now.is_wanted


def test_abandoning_frees_device_and_machine_of_a_board_that_will_not_come_back(database: Database) -> None:
    farm = plant(database)
    lost = start_attempt(database, farm.device_id)
    assert studies.abandon(database, farm.study_id) == 1
    assert get_attempt(database, lost.attempt_id).state is AttemptState.ABANDONED
    assert get_run(database, lost.run_id).state is RunState.FAILED
    assert studies.retry(database, farm.study_id) == 1
    again = open_attempt(database, farm.device_id)
    assert (again.run_id, again.number) == (lost.run_id, 2)


@pytest.mark.parametrize("act", [studies.cancel, studies.retry, studies.abandon])
def test_an_unknown_study_is_refused(database: Database, act: object) -> None:
    assert callable(act)
    with pytest.raises(NotFoundError, match="study: 99 is unknown; see `pifarm study list`"):
        act(database, 99)


def test_a_study_ends_with_the_last_of_its_runs_and_only_once(database: Database) -> None:
    farm = plant(database, labels=["a", "b"])
    first, last = runs_of(database, farm.study_id)

    def close() -> StudyState:
        with database.write() as session:
            studies.close_if_done(session, farm.study_id)
        return get_study(database, farm.study_id).state

    set_columns(database, RunRow, first.id, state=RunState.FAILED)
    assert close() is StudyState.ACTIVE
    assert studies.any_active(database)
    set_columns(database, RunRow, last.id, state=RunState.DONE)
    assert close() is StudyState.DONE
    assert close() is StudyState.DONE
    assert not studies.any_active(database)
    assert [row[2] for row in dump(database)["events"]].count("study ended") == 1
