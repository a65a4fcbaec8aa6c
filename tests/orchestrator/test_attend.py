"""The attendant against a board in memory: every run is measured once, whatever happens to board, link and farm."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agent.wire.records import Fault, LostCause, RefusedBecause
from agent.wire.spec import Fence, RunSpec
from orchestrator import fleet, leases, picking, studies
from orchestrator.attend import ATTENTION_S, LONGEST_WAIT_S, MAX_BACKOFF_S, Attendant, Pause, attend
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from orchestrator.errors import HostKeyError, InternalError, TransportError
from orchestrator.farm import Farm
from orchestrator.leases import Lease
from orchestrator.lifecycle import MAX_DEVICE_FAULTS, AttemptState, DeviceState, RunState, Verdict
from orchestrator.links import Link
from tests.journals import aborted_records, completed_records, failed_records
from tests.pretended_board import Clock, PretendedBoard
from tests.racing import at_once
from tests.small_farm import (
    BUNDLE_HASH,
    MANIFEST,
    MODEL_BYTES,
    add_device,
    add_model,
    get_device,
    make_submission,
    runs_of,
    set_columns,
)

UNREACHABLE = TransportError("no route to host")


@dataclass(slots=True, kw_only=True)
class Yard:
    """A farm with pretended boards, and an attendant to send to them."""

    farm: Farm
    clock: Clock = field(default_factory=Clock)
    boards: dict[int, PretendedBoard] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    is_stopping: bool = False

    @property
    def database(self) -> Database:
        return self.farm.database

    def add_board(self, name: str = "pi5", **columns: Any) -> PretendedBoard:
        """A device with its board."""
        board = PretendedBoard(clock=self.clock)
        self.boards[add_device(self.database, name, **columns)] = board
        return board

    def connect(self, farm: Farm, device_id: int) -> AbstractContextManager[Link]:
        """The way to a pretended board."""
        return nullcontext(Link(transport=self.boards[device_id], python="python3", bundle_hash=BUNDLE_HASH))

    def pause(self, seconds: float) -> bool:
        """Let time pass, or say that the worker is to stop."""
        self.waits.append(seconds)
        if not self.is_stopping:
            self.clock.wait(seconds)
        return self.is_stopping

    def visit(self, device_id: int = 1, holder: str = "worker") -> float | None:
        """One visit of an attendant; returns when the device wants the next one."""
        lease = leases.take(self.database, device_id, holder)
        assert lease is not None
        return self.attend(lease, self.pause)

    def attend(self, lease: Lease, pause: Pause) -> float | None:
        """What an attendant does under its lease, and what it leaves word of."""
        attendant = Attendant(
            farm=self.farm,
            lease=lease,
            wake=self.woken.append,
            pause=pause,
            connect=self.connect,
            clock=self.clock.read,
        )
        next_s = attendant.look_after()
        leases.release(self.database, attendant.lease, next_s)
        return next_s

    def work(self, device_id: int = 1, visits: int = 60) -> None:
        """Visits at the times that they are wanted, until the device has nothing to do."""
        for _ in range(visits):
            next_s = self.visit(device_id)
            if next_s is None:
                return
            self.clock.wait(next_s)
        raise AssertionError(f"device {device_id} still wants attention after {visits} visits")

    def attempts(self) -> list[AttemptRow]:
        """All attempts, in order."""
        with self.database.read() as session:
            return list(session.scalars(select(AttemptRow).order_by(AttemptRow.id)))

    def states(self, study_id: int) -> set[RunState]:
        """The states that a study's runs are in."""
        return {run.state for run in runs_of(self.database, study_id)}


@pytest.fixture
def yard(database: Database, tmp_path: Path) -> Yard:
    """A farm with a model of two variants, whose files and bundle lie in its state home, and no device."""
    settings = Settings(home=tmp_path / "home")
    blob = settings.artifacts_dir / "blobs" / str(MANIFEST["files"][0]["sha256"])  # type: ignore[index]  # a list
    for path, content in ((blob, MODEL_BYTES), (settings.bundles_dir / f"{BUNDLE_HASH}.pyz", b"bundle")):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    add_model(database)
    return Yard(farm=Farm(settings=settings, database=database, farm_id="farm-1"))


@pytest.fixture
def board(yard: Yard) -> Iterator[PretendedBoard]:
    """The only board of a yard; whatever a test does, nobody may speak to it while it measures, unless it says so."""
    added = yard.add_board()
    yield added


def submit(yard: Yard, **changes: Any) -> int:
    """A study of one variant on the yard's devices, unless `changes` say otherwise."""
    return studies.submit(yard.database, make_submission(**{"variants": ("fp32",), **changes}))


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
    assert (first.state, first.code, second.state) == (AttemptState.LOST, "lost", AttemptState.ENDED)
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
