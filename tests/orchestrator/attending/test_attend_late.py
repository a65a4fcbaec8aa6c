"""Attendants that act on what is no longer so, boards that know more than the database, attempts given up unseen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from agent.wire.answers import LostCause, RefusedBecause
from agent.wire.spec import Fence
from orchestrator import studies
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyState
from orchestrator.boards import fleet
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow, RunRow, StudyRow
from orchestrator.errors import TransportError
from orchestrator.transport import Completed
from tests.orchestrator.yard import UNREACHABLE, Yard, submit
from tests.pretended_board import PretendedBoard
from tests.small_farm import get_device, open_attempt, runs_of, set_columns

Meanwhile = Callable[[], None]


class Sleepy(PretendedBoard):
    """The same board over a link whose attendant falls asleep around one command, while others go on."""

    def __init__(self, awake: PretendedBoard, command: str, meanwhile: Meanwhile, *, before: bool) -> None:
        super().__init__(clock=awake.clock)
        self._awake, self._command, self._meanwhile, self._before = awake, command, meanwhile, before

    def open(self) -> None:
        """Be reached."""
        self._awake.open()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Sleep once, before the command arrives or before its answer does."""
        is_time = self._command in argv
        if is_time and self._before:
            self._sleep()
        answer = self._awake.run(argv, stdin=stdin, timeout_s=timeout_s)
        if is_time and not self._before:
            self._sleep()
        return answer

    def push(self, source: Path, target: str, **options: Any) -> Any:
        """Take a file."""
        return self._awake.push(source, target, **options)

    def _sleep(self) -> None:
        self._command = "none any more"
        self._meanwhile()


def fall_asleep(yard: Yard, board: PretendedBoard, command: str, meanwhile: Meanwhile, *, before: bool) -> None:
    """The next attendant of device 1 sleeps longer than its lease at a command; `meanwhile` others go on."""

    def others_go_on() -> None:
        set_columns(yard.database, DeviceRow, 1, lease_expires_at_s=0.0)
        yard.boards[1] = board
        meanwhile()

    yard.boards[1] = Sleepy(board, command, others_go_on, before=before)


def codes(yard: Yard) -> list[tuple[AttemptState, str]]:
    return [(attempt.state, attempt.code) for attempt in yard.attempts()]


def test_whoever_asks_late_after_a_forgotten_run_does_not_have_it_measured_again(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    yard.clock.wait(board.quiet_s)
    fall_asleep(yard, board, "status", yard.work, before=True)
    yard.visit()
    assert len(board.started) == 1
    assert board.runs == {}
    assert codes(yard) == [(AttemptState.ENDED, "")]
    assert yard.states(study_id) == {RunState.DONE}


def test_a_refusal_that_is_heard_late_does_not_fail_what_another_attendant_has_started(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    board.refusals = [RefusedBecause.NO_SPACE]
    fall_asleep(yard, board, "start", lambda: yard.visit(holder="another worker"), before=False)  # type: ignore[arg-type]  # when to come back is of no interest
    yard.visit()
    assert codes(yard) == [(AttemptState.STARTED, "")]
    yard.clock.wait(board.quiet_s)
    yard.work()
    run = runs_of(yard.database, study_id)[0]
    assert (run.state, run.attempts_made, run.device_faults) == (RunState.DONE, 1, 0)


def test_an_attempt_whose_number_was_given_back_is_not_started_by_whoever_sleeps(
    yard: Yard, board: PretendedBoard
) -> None:
    """A withdrawn attempt's row is gone and its id may belong to another run's attempt by now."""
    first = submit(yard)

    def withdraw_and_pick_another() -> None:
        board.trouble = UNREACHABLE
        yard.visit(holder="another worker")
        board.trouble = None
        submit(yard, priority=5)
        assert leases.take(yard.database, 1, "a third worker") is not None
        open_attempt(yard.database, 1)

    sleepy = Sleepy(board, "none", lambda: None, before=True)
    pushed = sleepy.push

    def sleep_after_push(source: Path, target: str, **options: Any) -> Any:
        done = pushed(source, target, **options)
        if target.startswith("artifacts/"):
            set_columns(yard.database, DeviceRow, 1, lease_expires_at_s=0.0)
            yard.boards[1] = board
            withdraw_and_pick_another()
        return done

    sleepy.push = sleep_after_push  # type: ignore[method-assign]  # the seam is this one board's
    yard.boards[1] = sleepy
    yard.visit()
    assert board.started == []
    assert yard.states(first) == {RunState.QUEUED}
    assert [attempt.state for attempt in yard.attempts()] == [AttemptState.STAGING]


def restored(yard: Yard) -> None:
    """The database as it was before its only attempt had been opened."""
    with yard.database.write() as session:
        for row in (ChunkRow, AttemptRow):
            session.execute(delete(row))
    set_columns(yard.database, StudyRow, 1, state=StudyState.ACTIVE)
    for run in runs_of(yard.database, 1):
        set_columns(yard.database, RunRow, run.id, state=RunState.QUEUED, attempts_made=0, counted_attempt=None)


def test_after_a_restore_a_run_that_the_board_has_forgotten_is_measured_under_a_new_number(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.work()
    restored(yard)
    yard.work()
    run = runs_of(yard.database, study_id)[0]
    assert codes(yard) == [(AttemptState.LOST, "claimed_before"), (AttemptState.ENDED, "")]
    assert (run.state, run.counted_attempt, run.device_faults) == (RunState.DONE, 2, 0)
    assert get_device(yard.database, 1).faults_in_row == 0


def test_after_a_restore_what_the_board_measures_under_the_same_number_is_ended_first(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    (other,) = board.runs.values()
    other.spec = replace(other.spec, threads=other.spec.threads + 1)
    restored(yard)
    yard.work()
    assert codes(yard) == [(AttemptState.LOST, "claimed_before"), (AttemptState.ENDED, "")]
    assert board.commands[:5] == ["start", "start", "abort", "remove", "start"]
    assert yard.states(study_id) == {RunState.DONE}


def test_a_run_that_another_farms_board_refuses_waits_again_and_says_why(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    board.fence = Fence(farm_id="farm-other", number=3)
    assert yard.visit() is None
    run, device = runs_of(yard.database, study_id)[0], get_device(yard.database, 1)
    assert (run.state, run.attempts_made, yard.attempts()) == (RunState.QUEUED, 0, [])
    assert (device.state, "owned" in device.state_reason) == (DeviceState.SICK, True)
    board.fence = None
    fleet.resume(yard.database, "pi5")
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}


def damaged(board: PretendedBoard) -> Any:
    """The board's only run, its journal spoilt while it is still at it."""
    (run,) = board.runs.values()
    run.journal = b"spoilt\n" + run.journal
    return run


def test_a_run_whose_journal_is_damaged_is_ended_on_the_board_before_the_next_attempt(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    run = damaged(board)
    board.shows_all = True
    yard.visit()
    assert run.ends_at_s <= yard.clock.read()
    assert board.commands[:3] == ["start", "status", "abort"]
    board.shows_all = False
    yard.work()
    assert codes(yard) == [(AttemptState.LOST, "journal_damaged"), (AttemptState.ENDED, "")]
    assert yard.states(study_id) == {RunState.DONE}


@pytest.mark.parametrize("bundle_is_there", [True, False])
def test_an_attempt_that_was_given_up_is_ended_and_forgotten_when_its_board_comes_back(
    yard: Yard, board: PretendedBoard, bundle_is_there: bool
) -> None:
    study_id = submit(yard)
    yard.visit()
    assert studies.abandon(yard.database, study_id) == 1
    assert studies.retry(yard.database, study_id) == 1
    board.trouble = UNREACHABLE
    yard.visit()
    board.trouble = None
    if not bundle_is_there:
        board.wipe()
    yard.work()
    assert codes(yard) == [(AttemptState.ABANDONED, "abandoned"), (AttemptState.ENDED, "")]
    assert board.runs == {}
    assert len(board.started) == 2
    assert yard.states(study_id) == {RunState.DONE}
    assert all(attempt.forgotten_at_s is not None for attempt in yard.attempts())


def test_giving_up_ends_the_run_and_its_study_and_calls_the_device(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    yard.visit()
    studies.abandon(yard.database, study_id)
    run = runs_of(yard.database, study_id)[0]
    assert (run.state, run.ended_at_s is not None) == (RunState.FAILED, True)
    assert not studies.any_active(yard.database)
    assert get_device(yard.database, 1).next_attention_at_s is not None


def test_a_board_that_is_back_is_shown_as_back_even_if_there_is_nothing_left_to_do(
    yard: Yard, board: PretendedBoard
) -> None:
    submit(yard)
    board.cut_after["remove"] = TransportError("no route to host")
    yard.visit()
    yard.clock.wait(board.quiet_s)
    yard.visit()
    assert get_device(yard.database, 1).state_reason == "no route to host"
    yard.work()
    device = get_device(yard.database, 1)
    assert (device.state_reason, device.unreachable_in_row) == ("", 0)


def test_a_board_that_rebooted_while_its_attendant_slept_is_told_once(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard)
    yard.visit()
    (run,) = board.runs.values()
    run.lost, run.journal = LostCause.REBOOTED, run.journal[:700]
    fall_asleep(yard, board, "status", yard.work, before=False)
    yard.visit()
    assert codes(yard) == [(AttemptState.LOST, "lost"), (AttemptState.ENDED, "")]
    assert runs_of(yard.database, study_id)[0].device_faults == 1
