"""The attendant when people change their minds: cancel, retry and drain hold whatever a board is doing."""

from orchestrator import studies
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import AttemptState, RunState
from orchestrator.boards import fleet
from tests.orchestrator.yard import UNREACHABLE, Yard, submit
from tests.pretended_board import PretendedBoard
from tests.small_farm import runs_of


def test_cancelling_a_running_study_ends_it_on_the_board_at_the_next_contact(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard, blocks=2)
    yard.visit()
    studies.cancel(yard.database, study_id)
    assert leases.claim_due(yard.database) == [1]
    assert yard.visit() is None
    assert "abort" in board.commands
    assert board.runs == {}
    assert yard.states(study_id) == {RunState.CANCELLED}
    assert [attempt.state for attempt in yard.attempts()] == [AttemptState.ABANDONED]


def test_cancelling_while_the_board_is_away_holds_and_is_told_when_it_is_back(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    board.trouble = UNREACHABLE
    studies.cancel(yard.database, study_id)
    assert yard.visit() == 2.0
    assert yard.states(study_id) == {RunState.CANCELLED}
    board.trouble = None
    yard.work()
    assert board.runs == {}
    assert yard.attempts()[0].state is AttemptState.ABANDONED


def test_cancelling_before_anything_is_on_the_board_needs_no_board(yard: Yard, board: PretendedBoard) -> None:
    board.slices = 9
    study_id = submit(yard)
    yard.visit()
    studies.cancel(yard.database, study_id)
    yard.work()
    assert (board.started, board.commands) == ([], [])
    assert yard.attempts()[0].state is AttemptState.ABANDONED


def test_a_retried_run_is_measured_anew_and_its_cancelled_attempt_ended_first(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    studies.cancel(yard.database, study_id)
    studies.retry(yard.database, study_id)
    yard.work()
    assert [attempt.state for attempt in yard.attempts()] == [AttemptState.ABANDONED, AttemptState.ENDED]
    assert [(run.state, run.counted_attempt) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 2)]


def test_a_drained_device_ends_the_run_it_is_at_and_starts_no_other(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard, blocks=2)
    yard.visit()
    fleet.drain(yard.database, "pi5", "moving house")
    yard.clock.wait(board.quiet_s)
    assert yard.visit() is None
    assert sorted(run.state.value for run in runs_of(yard.database, study_id)) == ["done", "queued"]
    assert leases.claim_due(yard.database) == []
