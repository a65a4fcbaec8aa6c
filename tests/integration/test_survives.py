"""One fault at a time on a running farm: two workers, the embedded broker, boards over SSH. Every run ends once.

After each test the independent checker reads the boards' own logs and the database, and finds nothing.
"""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from agent.wire.spec import Fence
from orchestrator.attending.lifecycle import OPEN_ATTEMPT_STATES, DeviceState
from orchestrator.boards import fleet
from orchestrator.boards.board import Board
from orchestrator.config import Settings
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from orchestrator.errors import BusyError
from orchestrator.farm import Farm, open_farm
from orchestrator.queries.farm import get_device
from orchestrator.queries.studies import get_study
from orchestrator.simulator.farm import SimulatedBoard
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport
from tests.faults.arena import PROTOCOL, Arena, arena, short_home, wait_until
from tests.faults.board_faults import living_runs
from tests.faults.checker import check
from tests.faults.done import Done
from tests.faults.faults import inject, put_to_sleep, step_clock
from tests.faults.plan import FaultKind, PlannedFault
from tests.faults.records import Books, read_board, read_books
from tests.processes import has_ended

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
LONG = (*PROTOCOL, "window.min_s=1.5")
ONCE = [("ended", "")]
OPEN = [state.value for state in OPEN_ATTEMPT_STATES]


@pytest.fixture(scope="module")
def shared() -> Iterator[Arena]:
    with short_home() as home, arena(home, 2) as made:
        yield made


@pytest.fixture
def farm(shared: Arena) -> Iterator[Arena]:
    """The farm at rest; afterwards it is at rest again, and the books agree with the boards."""
    yield shared
    found: list[Books] = []
    wait_until(lambda: keep(shared) and note_rest(shared, found), "the farm is at rest", patience_s=90)
    logs = [read_board(board.name, board.home / ".pifarm") for board in shared.boards]
    assert check(logs, found[-1]) == []
    assert all(get_device(shared.farm.database, board.name).state_reason == "" for board in shared.boards)


def keep(farm: Arena) -> bool:
    """What a service manager does all the time."""
    farm.keep_running()
    return True


def note_rest(farm: Arena, found: list[Books]) -> bool:
    """Whether the farm is at rest, and was still when its books were read: a late message brings one more visit."""
    if not farm.is_at_rest():
        return False
    found.append(read_books(farm.settings.database_url))
    return all(device.lease_holder is None for device in found[-1].devices)


def measure(farm: Arena, board: SimulatedBoard) -> int:
    """A study of one run on a board, up to the moment that it measures and nobody speaks to the board."""
    study = farm.submit(1, LONG, board=board.name)
    farm.call_all()
    wait_until(lambda: keep(farm) and is_quiet(farm, board), f"study {study} measures", patience_s=90)
    return study


def is_quiet(farm: Arena, board: SimulatedBoard) -> bool:
    measuring = any("measuring" in roles and is_of(board, folder) for folder, roles in living_runs(farm))
    return measuring and get_device(farm.farm.database, board.name).phase == "ready"


def is_of(board: SimulatedBoard, folder: Path) -> bool:
    return folder.is_relative_to(board.home)


def finish(farm: Arena, study: int) -> list[tuple[str, str]]:
    """Wait for a study's end; states and codes of its attempts in order, but for figures that a busy host spoilt."""
    wait_until(lambda: keep(farm) and study not in farm.active_studies(), f"study {study} ends", patience_s=90)
    return [each for each in attempts(farm, study) if each != ("ended", "invalid")]


def attempts(farm: Arena, study: int) -> list[tuple[str, str]]:
    """States and codes of a study's attempts so far, in order."""
    with farm.farm.database.read() as session:
        query = select(AttemptRow.state, AttemptRow.code).join(RunRow).where(RunRow.study_id == study)
        return [(state.value, code) for state, code in session.execute(query.order_by(AttemptRow.id))]


def is_done(farm: Arena, study: int) -> bool:
    """Whether the study is shown as done, with a result for its one run."""
    return {state: n for state, n in get_study(farm.farm.database, study).counts.items() if n} == {"done": 1}


def strike(farm: Arena, kind: FaultKind, seed: int = 1) -> Done:
    """Do one fault."""
    done = inject(farm, PlannedFault(after_s=0.0, kind=kind, seed=seed))
    assert done is not None, kind
    return done


def holder(farm: Arena) -> psutil.Process:
    """The worker that attends a device just now."""
    with farm.farm.database.read() as session:
        lease = session.scalar(select(DeviceRow.lease_holder).where(DeviceRow.lease_holder.is_not(None)))
    assert lease is not None
    return psutil.Process(int(lease.partition("-")[0]))


def test_a_killed_broker_is_back_soon_and_costs_nothing(farm: Arena) -> None:
    study = measure(farm, farm.boards[0])
    killed = farm.broker_process()
    assert killed is not None
    killed.kill()
    assert finish(farm, study) == ONCE
    wait_until(farm.broker_answers, "the broker is back")
    after = farm.submit(1, board=farm.boards[0].name)
    farm.call_all()
    assert finish(farm, after) == ONCE
    assert farm.broker_process() != killed


def test_a_worker_that_sleeps_beyond_its_lease_changes_nothing_when_it_wakes(farm: Arena) -> None:
    """Two workers; the lease of the first runs out while the agent measures, and the second ends the run."""
    study = measure(farm, farm.boards[0])
    sleeper = holder(farm)
    assert put_to_sleep(farm, sleeper) >= 1
    try:
        assert finish(farm, study) == ONCE
        assert holder_is_not(farm, sleeper)
    finally:
        farm.thaw(sleeper)
    assert is_done(farm, study)


def holder_is_not(farm: Arena, process: psutil.Process) -> bool:
    with farm.farm.database.read() as session:
        holders = session.scalars(select(DeviceRow.lease_holder)).all()
    return not any((lease or "").startswith(f"{process.pid}-") for lease in holders)


@pytest.mark.parametrize("kind", [FaultKind.MESSAGES_LOST, FaultKind.BROKER_EMPTIED, FaultKind.MESSAGES_LATE])
def test_messages_that_are_lost_or_late_cost_nothing(farm: Arena, kind: FaultKind) -> None:
    study = measure(farm, farm.boards[0])
    done = strike(farm, kind)
    assert finish(farm, study) == ONCE
    if done.undo is not None:
        done.undo()
    assert is_done(farm, study)


@pytest.mark.parametrize("kind", [FaultKind.AGENT_KILLED, FaultKind.AGENT_KILLED_MEASURING_ASLEEP])
def test_a_killed_agent_leaves_nothing_behind_and_its_run_is_measured_again(farm: Arena, kind: FaultKind) -> None:
    study = measure(farm, farm.boards[0])
    ((_, roles),) = living_runs(farm)
    strike(farm, kind)
    assert finish(farm, study) == [("lost", "lost"), *ONCE]
    assert has_ended(roles["measuring"]) and is_done(farm, study)


def test_a_killed_measuring_process_is_the_boards_fault_and_its_run_is_measured_again(farm: Arena) -> None:
    study = measure(farm, farm.boards[0])
    strike(farm, FaultKind.MEASURING_KILLED)
    assert finish(farm, study) == [("ended", "killed:SIGKILL"), *ONCE]
    assert is_done(farm, study)


def test_a_board_that_reboots_in_mid_run_measures_again(farm: Arena) -> None:
    study = measure(farm, farm.boards[0])
    farm.boards[0].reboot()
    assert finish(farm, study) == [("lost", "lost"), *ONCE]
    with farm.farm.database.read() as session:
        said = session.scalar(select(AttemptRow.message).where(AttemptRow.code == "lost").order_by(-AttemptRow.id))
    assert said == "the board restarted in the middle of the run"


def test_power_that_is_lost_while_a_run_is_claimed_leaves_nothing_half_done(farm: Arena) -> None:
    study = farm.submit(1, board=farm.boards[0].name)
    farm.call_all()
    strike(farm, FaultKind.REBOOT_WHILE_CLAIMING)
    assert finish(farm, study)[-1] == ONCE[0]
    assert is_done(farm, study)
    assert list((farm.boards[0].home / ".pifarm" / "runs").glob(".new-*")) == []


@pytest.mark.parametrize("step_s", [-86400.0, 86400.0])
def test_a_clock_that_steps_by_a_day_stops_nobody(farm: Arena, step_s: float) -> None:
    """Stored times move against the database's clock, which is the same as the clock stepping."""

    class Step(random.Random):
        def choice(self, steps: object) -> float:  # type: ignore[override]  # the one choice that is made
            return step_s

    study = measure(farm, farm.boards[0])
    step_clock(farm, Step())
    assert finish(farm, study) == ONCE
    after = farm.submit(1, board=farm.boards[0].name)
    assert finish(farm, after) == ONCE


def test_a_database_that_is_restored_with_older_fences_goes_on(farm: Arena) -> None:
    study = measure(farm, farm.boards[0])
    strike(farm, FaultKind.FENCE_RESTORED)
    assert finish(farm, study) == ONCE
    after = farm.submit(1, board=farm.boards[0].name)
    farm.call_all()
    assert finish(farm, after) == ONCE


@pytest.mark.parametrize("kind", [FaultKind.JOURNAL_CORRUPTED, FaultKind.JOURNAL_CUT])
def test_a_journal_that_is_spoilt_on_the_board_costs_its_attempt_and_no_more(farm: Arena, kind: FaultKind) -> None:
    study = measure(farm, farm.boards[0])
    strike(farm, kind)
    assert finish(farm, study) == [("lost", "journal_damaged"), *ONCE]
    assert is_done(farm, study)


def small_disk(farm: Arena) -> SimulatedBoard:
    if farm.small_disk is None:
        pytest.skip("a small disk of its own for a board needs Linux and root")
    return farm.small_disk


@contextlib.contextmanager
def full_disk(farm: Arena) -> Iterator[None]:
    """The small disk is full inside; afterwards its board is trusted again."""
    done = strike(farm, FaultKind.DISK_FULL)
    assert done.undo is not None
    try:
        yield
    finally:
        done.undo()
        fleet.resume(farm.farm.database, small_disk(farm).name)


def test_a_disk_that_fills_up_in_mid_run_costs_nothing_for_space_was_set_aside(farm: Arena) -> None:
    """A figure that a busy host spoilt is a figure that came home; what it is repeated by is another run."""
    study = measure(farm, small_disk(farm))
    with full_disk(farm):
        wait_until(lambda: keep(farm) and attempts(farm, study)[0][0] not in OPEN, "the run on the full disk ends")
        assert attempts(farm, study)[0] in (*ONCE, ("ended", "invalid"))
    finish(farm, study)


def test_a_full_disk_refuses_a_run_and_says_how_much_is_free(farm: Arena) -> None:
    name = small_disk(farm).name
    before = farm.submit(1, board=name)
    farm.call_all()
    finish(farm, before)
    with full_disk(farm):
        study = farm.submit(1, board=name)
        farm.call_all()
        assert finish(farm, study) == [("ended", "refused")] * 3
    with farm.farm.database.read() as session:
        assert "bytes are free" in session.scalars(select(RunRow.message).where(RunRow.study_id == study)).one()


@contextlib.contextmanager
def another_farm(home: Path, board: SimulatedBoard) -> Iterator[tuple[Farm, SshTransport]]:
    """A second farm whose key the board lets in."""
    farm = open_farm(Settings(home=home))
    key = FarmKey.in_folder(farm.settings.keys_dir)
    authorized = board.home / ".ssh" / "authorized_keys"
    authorized.write_text(authorized.read_text() + f"{key.public_line}\n")
    transport = SshTransport(board.address, key_file=key.private_file, host_key=str(board.host_key))
    with contextlib.closing(transport):
        yield farm, transport
    farm.database.engine.dispose()


def test_a_board_changes_hands_only_while_it_is_idle_and_its_old_farm_is_told(farm: Arena, tmp_path: Path) -> None:
    ours, name = farm.boards[0], farm.boards[0].name
    study = measure(farm, ours)
    with another_farm(tmp_path, ours) as (other, transport):
        python = get_python(farm, name)
        theirs = Board(transport, python=python, bundle_hash=farm.bundle.hash)
        with pytest.raises(BusyError, match="something measures"):
            theirs.probe(take_over=Fence(farm_id=other.farm_id, number=0))
        assert finish(farm, study) == ONCE
        wait_until(lambda: hand_over(theirs, other), "nothing measures on this machine")
    late = farm.submit(1, board=name)
    farm.call_all()
    wait_until(lambda: get_device(farm.farm.database, name).state is DeviceState.SICK, "the device is stopped")
    device = get_device(farm.farm.database, name)
    assert f"owned by farm {other.farm_id}" in device.state_reason and device.queued == 1
    assert living_runs(farm) == []
    (ours.home / ".pifarm" / "fence.json").unlink()
    fleet.resume(farm.farm.database, name)
    assert finish(farm, late) == ONCE


def hand_over(board: Board, farm: Farm) -> bool:
    try:
        return board.probe(take_over=Fence(farm_id=farm.farm_id, number=0)).owner == farm.farm_id
    except BusyError:
        return False


def get_python(farm: Arena, name: str) -> str:
    with farm.farm.database.read() as session:
        return session.scalars(select(DeviceRow.python).where(DeviceRow.name == name)).one()
