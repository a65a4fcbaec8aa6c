"""A study that several touch at once, on both databases: it ends once, in a state that is true."""

import pytest

from agent.wire.records import Fault
from orchestrator import studies
from orchestrator.attending import picking
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RunState, StudyState
from orchestrator.attending.picking import Assignment
from orchestrator.db.session import Database
from tests.racing import at_once
from tests.small_farm import (
    add_device,
    add_model,
    dump,
    fail_attempt,
    get_study,
    make_submission,
    open_attempt,
    runs_of,
    start_attempt,
)

ROUNDS = 5


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database, with two devices and a model."""
    add_device(each_database, "a")
    add_device(each_database, "b")
    add_model(each_database, labels=["fp32"])
    return each_database


def ends_in_the_diary(database: Database) -> list[str]:
    """What the diary says of the end of studies."""
    return [str(row[2]) for row in dump(database)["events"] if row[2] in ("study ended", "study cancelled")]


def test_when_the_last_two_runs_end_at_once_the_study_ends_once(database: Database) -> None:
    for number in range(ROUNDS):
        study_id = studies.submit(database, make_submission())
        opened = [start_attempt(database, device_id) for device_id in (1, 2)]

        def give_up(index: int, opened: list[Assignment] = opened) -> None:
            fail_attempt(database, opened[index], Fault.SPEC)

        at_once(2, give_up)
        assert get_study(database, study_id).state is StudyState.DONE
        assert ends_in_the_diary(database) == ["study ended"] * (number + 1)


def test_a_cancel_while_runs_end_is_no_deadlock_and_leaves_nothing_open(database: Database) -> None:
    for _ in range(ROUNDS):
        study_id = studies.submit(database, make_submission())
        opened = [start_attempt(database, device_id) for device_id in (1, 2)]

        def act(index: int, study_id: int = study_id, opened: list[Assignment] = opened) -> None:
            if index < len(opened):
                fail_attempt(database, opened[index], Fault.SPEC)
            else:
                studies.cancel(database, study_id)

        at_once(3, act)
        assert get_study(database, study_id).state in (StudyState.DONE, StudyState.CANCELLED)
        assert {run.state for run in runs_of(database, study_id)} <= set(ENDED_RUN_STATES)


def test_of_two_that_cancel_at_once_one_does_it(database: Database) -> None:
    study_id = studies.submit(database, make_submission(blocks=3))
    assert sorted(at_once(2, lambda _: studies.cancel(database, study_id))) == [0, 6]
    assert ends_in_the_diary(database) == ["study cancelled"]


def test_a_run_that_is_picked_while_its_study_is_cancelled_is_not_measured(database: Database) -> None:
    for _ in range(ROUNDS):
        study_id = studies.submit(database, make_submission(devices=("a",)))

        def act(index: int, study_id: int = study_id) -> object:
            return studies.cancel(database, study_id) if index else picking.open_next(database, 1)

        at_once(2, act)
        assert {run.state for run in runs_of(database, study_id)} == {RunState.CANCELLED}
        left_open = picking.current(database, 1)
        if left_open is not None:
            assert not left_open.is_wanted
            fail_attempt(database, left_open)


def test_a_retry_while_the_last_run_fails_loses_no_run(database: Database) -> None:
    for _ in range(ROUNDS):
        study_id = studies.submit(database, make_submission(devices=("a",)))
        opened = open_attempt(database, 1)

        def act(index: int, study_id: int = study_id, opened: Assignment = opened) -> None:
            if index:
                studies.retry(database, study_id)
            else:
                fail_attempt(database, opened, Fault.SPEC)

        at_once(2, act)
        (run,) = runs_of(database, study_id)
        is_active = get_study(database, study_id).state is StudyState.ACTIVE
        assert is_active == (run.state is RunState.QUEUED)
        studies.cancel(database, study_id)
