"""The attendant when something goes wrong: what is tried again, what is lost, and what stops a device."""

from typing import Any

import pytest
from sqlalchemy import func, select

from agent.wire.answers import LostCause, RefusedBecause
from agent.wire.records import Fault
from agent.wire.spec import Fence, RunSpec
from orchestrator import studies
from orchestrator.attending import leases
from orchestrator.attending.attend import MAX_BACKOFF_S
from orchestrator.attending.lifecycle import MAX_DEVICE_FAULTS, OPEN_ATTEMPT_STATES, AttemptState, DeviceState, RunState
from orchestrator.boards import fleet
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import HostKeyError
from tests.journals import aborted_records, completed_records, failed_records
from tests.orchestrator.yard import UNREACHABLE, Yard, submit
from tests.pretended_board import PretendedBoard
from tests.small_farm import get_device, runs_of, set_columns


def test_an_unreachable_board_is_asked_ever_less_often_and_spends_no_attempt(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.trouble = UNREACHABLE
    assert [yard.visit() for _ in range(10)] == [
        2.0,
        4.0,
        8.0,
        16.0,
        32.0,
        64.0,
        128.0,
        256.0,
        MAX_BACKOFF_S,
        MAX_BACKOFF_S,
    ]
    run = runs_of(yard.database, study_id)[0]
    assert (run.state, run.attempts_made, run.device_faults) == (RunState.QUEUED, 0, 0)
    device = get_device(yard.database, 1)
    assert (device.state, device.state_reason) == (DeviceState.READY, "no route to host")
    board.trouble = None
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}
    device = get_device(yard.database, 1)
    assert (device.unreachable_in_row, device.state_reason) == (0, "")


def test_a_link_that_breaks_while_starting_starts_nothing_twice(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.cut_after["start"] = UNREACHABLE
    yard.work()
    run = runs_of(yard.database, study_id)[0]
    assert (run.state, run.attempts_made) == (RunState.DONE, 1)
    assert len(board.started) == 1


@pytest.mark.parametrize("command", ["status", "remove"])
def test_a_link_that_breaks_while_collecting_loses_nothing(yard: Yard, board: PretendedBoard, command: str) -> None:
    study_id = submit(yard, blocks=2)
    board.cut_after[command] = UNREACHABLE
    yard.work()
    assert [(run.state, run.attempts_made) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 1)] * 2


def test_a_changed_host_key_stops_the_device_and_its_queue_stays(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.trouble = HostKeyError("the host key is not the pinned one")
    assert yard.visit() is None
    device = get_device(yard.database, 1)
    assert (device.state, device.state_reason) == (DeviceState.SICK, "the host key is not the pinned one")
    assert yard.states(study_id) == {RunState.QUEUED}
    assert leases.claim_due(yard.database) == []
    board.trouble = None
    fleet.resume(yard.database, "pi5")
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}


def test_a_board_of_another_farm_stops_the_device(yard: Yard, board: PretendedBoard) -> None:
    submit(yard)
    board.fence = Fence(farm_id="farm-2", number=3)
    assert yard.visit() is None
    assert get_device(yard.database, 1).state is DeviceState.SICK
    assert board.started == []


def test_a_busy_machine_is_asked_again_and_spends_no_attempt(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.refusals = [RefusedBecause.BUSY] * (MAX_DEVICE_FAULTS + 1)
    yard.work()
    assert [(run.state, run.attempts_made) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 1)]


def test_a_run_that_is_cancelled_while_its_machine_is_busy_leaves_nothing_open(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    board.refusals = [RefusedBecause.BUSY] * 100
    yard.visit()
    studies.cancel(yard.database, study_id)
    yard.work()
    assert yard.states(study_id) == {RunState.CANCELLED}
    with yard.database.read() as session:
        assert not session.scalar(select(func.count()).where(AttemptRow.state.in_(OPEN_ATTEMPT_STATES)))


def test_a_fence_that_is_stale_after_a_restore_is_overtaken(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.fence = Fence(farm_id="farm-1", number=41)
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}
    assert len(board.started) == 1
    assert board.fence.number >= 42
    assert get_device(yard.database, 1).fence >= 42


@pytest.mark.parametrize("cause", LostCause, ids=lambda cause: cause.value)
def test_a_lost_attempt_is_over_and_the_run_is_measured_again(
    yard: Yard, board: PretendedBoard, cause: LostCause
) -> None:
    study_id = submit(yard)
    yard.visit()
    (lost,) = board.runs.values()
    lost.lost, lost.journal = cause, lost.journal[:700]
    yard.work()
    first, second = yard.attempts()
    code = "journal_damaged" if cause is LostCause.JOURNAL_CUT else "lost"
    assert (first.state, first.code, second.state) == (AttemptState.LOST, code, AttemptState.ENDED)
    assert first.cursor_seq > 0
    run = runs_of(yard.database, study_id)[0]
    assert (run.state, run.counted_attempt, run.device_faults) == (RunState.DONE, 2, 1)


def test_an_attempt_that_the_board_has_forgotten_after_its_first_lines_is_lost(
    yard: Yard, board: PretendedBoard
) -> None:
    submit(yard)
    yard.visit()
    set_columns(yard.database, AttemptRow, 1, cursor_byte=100, cursor_seq=1)
    board.runs.clear()
    yard.work()
    assert [(attempt.state, attempt.code) for attempt in yard.attempts()] == [
        (AttemptState.LOST, "forgotten"),
        (AttemptState.ENDED, ""),
    ]


def test_a_start_that_never_arrived_is_sent_again_for_the_same_attempt(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    yard.visit()
    board.runs.clear()
    board.history.clear()
    yard.work()
    assert [(run.state, run.attempts_made) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 1)]


def test_a_board_whose_farm_folder_was_removed_is_equipped_again(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    yard.visit()
    board.wipe()
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}


def test_a_damaged_journal_costs_the_attempt_and_not_the_run(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    yard.visit()
    (run,) = board.runs.values()
    run.journal = run.journal[:200] + b"#" + run.journal[201:]
    yard.work()
    assert [(attempt.state, attempt.code) for attempt in yard.attempts()] == [
        (AttemptState.LOST, "journal_damaged"),
        (AttemptState.ENDED, ""),
    ]
    assert yard.states(study_id) == {RunState.DONE}


def test_a_run_that_failed_by_its_models_fault_says_why_and_is_not_tried_again(
    yard: Yard, board: PretendedBoard
) -> None:
    def refuse(spec: RunSpec) -> Any:
        return failed_records(spec.run_id, spec.attempt, fault=Fault.MODEL, code="input", message="cannot invent x")

    board.outcome = refuse
    study_id = submit(yard)
    yard.work()
    (run,) = runs_of(yard.database, study_id)
    assert (run.state, run.code, run.message, run.attempts_made) == (RunState.FAILED, "input", "cannot invent x", 1)


def test_an_abort_on_the_board_is_no_result(yard: Yard, board: PretendedBoard) -> None:
    def end_the_first(spec: RunSpec) -> Any:
        make = aborted_records if spec.attempt == 1 else completed_records
        return make(spec.run_id, spec.attempt)

    board.outcome = end_the_first
    study_id = submit(yard)
    yard.work()
    assert [(run.state, run.counted_attempt) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 2)]


def test_a_board_without_space_gets_three_tries(yard: Yard, board: PretendedBoard) -> None:
    board.refusals = [RefusedBecause.NO_SPACE] * MAX_DEVICE_FAULTS
    study_id = submit(yard)
    yard.work()
    (run,) = runs_of(yard.database, study_id)
    assert (run.state, run.code, run.attempts_made) == (RunState.FAILED, "refused", MAX_DEVICE_FAULTS)
    assert "no space" in run.message


def test_a_request_that_the_agent_refuses_fails_at_once(yard: Yard, board: PretendedBoard) -> None:
    board.refusals = [RefusedBecause.BAD_SPEC]
    study_id = submit(yard)
    yard.work()
    (run,) = runs_of(yard.database, study_id)
    assert (run.state, run.attempts_made, run.device_faults) == (RunState.FAILED, 1, 0)
