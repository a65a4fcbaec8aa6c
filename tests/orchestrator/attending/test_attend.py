"""The attendant against a board in memory: every run is measured once, and nobody disturbs the board."""

from typing import Any

import pytest
from sqlalchemy import select

from orchestrator.attending import leases, picking
from orchestrator.attending.attend import ATTENTION_S, attend
from orchestrator.attending.lifecycle import AttemptState, RunState, Verdict
from orchestrator.attending.steps import LONGEST_WAIT_S
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.errors import InternalError
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard
from tests.racing import at_once
from tests.small_farm import BUNDLE_HASH, add_device, get_device, runs_of, set_columns


def test_a_whole_study_is_measured_each_run_once_and_nobody_disturbs_the_board(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard, variants=("fp32", "int8"), blocks=2)
    yard.work()
    runs = runs_of(yard.database, study_id)
    assert {(run.state, run.verdict, run.counted_attempt) for run in runs} == {(RunState.DONE, Verdict.VALID, 1)}
    assert board.started == [f"{run.id}.1" for run in runs]
    assert board.disturbances == 0
    assert board.runs == {}


def test_an_attendant_does_not_sit_through_a_quiet_window(yard: Yard, board: PretendedBoard) -> None:
    submit(yard)
    assert yard.visit() == board.quiet_s
    assert yard.waits == []


def test_an_attendant_waits_for_an_end_that_is_near(yard: Yard, board: PretendedBoard) -> None:
    board.quiet_s = 4.0
    submit(yard)
    assert yard.visit() is None
    assert yard.waits == [4.0]
    assert board.disturbances == 0


def test_an_attendant_stays_no_longer_than_its_time_however_much_there_is_to_do(
    yard: Yard, board: PretendedBoard
) -> None:
    board.quiet_s = 4.0
    study_id = submit(yard, blocks=6)
    began_s = yard.clock.now_s
    assert yard.visit() == 4.0
    assert yard.clock.now_s - began_s <= ATTENTION_S
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}


def test_a_worker_that_stops_leaves_at_once_and_another_one_goes_on(yard: Yard, board: PretendedBoard) -> None:
    board.quiet_s = 4.0
    study_id = submit(yard)
    yard.is_stopping = True
    assert yard.visit() == 4.0
    assert yard.states(study_id) == {RunState.RUNNING}
    yard.is_stopping = False
    yard.clock.wait(4.0)
    assert yard.visit(holder="another worker") is None
    assert yard.states(study_id) == {RunState.DONE}
    assert len(board.started) == 1


def test_a_second_visit_at_the_same_time_finds_the_lease_taken(yard: Yard, board: PretendedBoard) -> None:
    study_id = submit(yard, blocks=2)
    board.quiet_s = 1.0

    def come(index: int) -> bool:
        lease = leases.take(yard.database, 1, f"worker-{index}")
        if lease is not None:
            yard.attend(lease, yard.pause)
        return lease is not None

    assert any(at_once(4, come))
    yard.work()
    assert sorted(board.started) == sorted(f"{run.id}.1" for run in runs_of(yard.database, study_id))


def test_files_go_over_once(yard: Yard, board: PretendedBoard) -> None:
    submit(yard, blocks=2)
    yard.work()
    assert len(board.pushed) == len(set(board.pushed)) == 2


def test_a_file_that_was_removed_from_the_board_is_brought_again(yard: Yard, board: PretendedBoard) -> None:
    submit(yard)
    yard.work()
    board.files.clear()
    study_id = submit(yard)
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}
    assert [attempt.number for attempt in yard.attempts()] == [1, 1]


def test_a_large_file_goes_over_in_slices_and_between_visits(yard: Yard, board: PretendedBoard) -> None:
    board.slices = 5
    study_id = submit(yard)
    assert yard.visit() == 0.0
    assert board.started == []
    yard.work()
    assert yard.states(study_id) == {RunState.DONE}


def test_devices_of_one_machine_take_turns_and_wake_each_other(yard: Yard) -> None:
    for name in ("a", "b"):
        yard.add_board(name, machine_key="host")
    submit(yard, blocks=2)
    order = []
    for _ in range(4):
        for device_id in (1, 2, 1):
            before = len(yard.boards[device_id].started)
            yard.visit(device_id)
            order += [device_id] * (len(yard.boards[device_id].started) - before)
        yard.clock.wait(18.0)
    assert order == [1, 2, 1, 2]
    assert yard.woken == [2, 1]


def test_an_attendant_that_lost_its_lease_does_nothing_more(yard: Yard, board: PretendedBoard) -> None:
    board.quiet_s = 4.0
    submit(yard)

    def lose_the_lease(seconds: float) -> bool:
        yard.clock.wait(seconds)
        set_columns(yard.database, DeviceRow, 1, lease_expires_at_s=0.0)
        assert leases.take(yard.database, 1, "another worker") is not None
        return False

    lease = leases.take(yard.database, 1, "worker")
    assert lease is not None
    yard.attend(lease, lose_the_lease)
    assert board.commands == ["start"]
    assert get_device(yard.database, 1).lease_holder == "another worker"


def test_an_attendant_that_was_asleep_while_another_one_finished_its_run_changes_nothing(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    yard.clock.wait(board.quiet_s)

    class Sleeper(PretendedBoard):
        """The same board over a link on which an answer comes late."""

        def run(self, argv: Any, *, stdin: bytes = b"", timeout_s: float = 30.0) -> Any:
            answer = board.run(argv, stdin=stdin, timeout_s=timeout_s)
            set_columns(yard.database, DeviceRow, 1, lease_expires_at_s=0.0)
            yard.boards[1] = board
            yard.visit(holder="another worker")
            return answer

    yard.boards[1] = Sleeper(clock=yard.clock)
    yard.visit()
    assert [attempt.state for attempt in yard.attempts()] == [AttemptState.ENDED]
    assert [(run.state, run.counted_attempt) for run in runs_of(yard.database, study_id)] == [(RunState.DONE, 1)]


def test_what_a_board_says_of_itself_is_kept_for_the_pages(yard: Yard, board: PretendedBoard) -> None:
    submit(yard)
    yard.visit()
    device = get_device(yard.database, 1)
    assert device.last_phase == "ready"
    assert device.last_seen_at_s is not None


def test_an_unexpected_error_gives_the_lease_back_and_the_device_is_tried_again_soon(yard: Yard) -> None:
    add_device(yard.database, "this-host", address=None)
    submit(yard)
    (yard.farm.settings.bundles_dir / f"{BUNDLE_HASH}.pyz").unlink()
    with pytest.raises(InternalError, match="it is missing"):
        attend(yard.farm, 1, "worker", yard.woken.append, yard.pause)
    device = get_device(yard.database, 1)
    assert device.lease_holder is None
    assert leases.claim_due(yard.database) == []
    set_columns(yard.database, DeviceRow, 1, next_attention_at_s=device.next_attention_at_s - LONGEST_WAIT_S)  # type: ignore[operator]  # set by the release
    assert leases.claim_due(yard.database) == [1]


def test_attending_a_device_that_somebody_attends_does_nothing(yard: Yard) -> None:
    add_device(yard.database, "this-host", address=None)
    submit(yard)
    assert leases.take(yard.database, 1, "somebody") is not None
    attend(yard.farm, 1, "worker", yard.woken.append, yard.pause)
    assert picking.current(yard.database, 1) is None
    with yard.database.read() as session:
        assert session.scalars(select(RunRow.state)).all() == [RunState.QUEUED]
