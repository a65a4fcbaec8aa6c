"""The gate of a real run: it waits for the board, warms it, and takes a run back that was disturbed."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.contact import read_note
from agent.processes import identify
from agent.wire.answers import RunState
from agent.wire.records import Environment, GatePassed, Outcome, Phase, Telemetry
from agent.wire.spec import Gate
from tests.agent.board import Board, ended, phases, wait_for, wait_gone
from tests.agent.specs import make_spec, short_protocol
from tests.agent.trees import PiTree

pytestmark = pytest.mark.integration


@pytest.fixture
def tree(board: Board, tmp_path: Path) -> PiTree:
    """The hardware below the board."""
    made = PiTree(tmp_path / "root")
    made.install_vcgencmd()
    return made


def test_a_hot_board_waits_and_says_for_what(board: Board, tree: PiTree) -> None:
    tree.heat(71.0)
    spec = make_spec(protocol=short_protocol(gate=Gate(max_c=60, timeout_s=60)))
    status = board.start(spec, wait_s=1.0)
    assert (status.state, status.phase, status.next_report_in_s) == (RunState.ACTIVE, Phase.GATE, 5.0)
    assert status.waiting_for == "temperature 71.0 C, wanted at most 60.0 C"
    assert status.temperature_c == 71.0
    tree.heat(55.0)
    passed = next(record for record in board.attend(spec) if isinstance(record, GatePassed))
    assert (passed.timed_out, passed.temperature_c) == (False, 55.0)
    assert passed.waited_s >= 0.5


def test_a_board_that_holds_says_how_long_it_will_still_take(board: Board, tree: PiTree) -> None:
    tree.heat(50.0)
    spec = make_spec(protocol=short_protocol(gate=Gate(start_c=50, hold_s=2.0, timeout_s=60)))
    status = board.start(spec, wait_s=1.0)
    assert status.ready_in_s is not None and status.ready_in_s <= 2.0
    passed = next(record for record in board.attend(spec) if isinstance(record, GatePassed))
    assert not passed.timed_out and passed.idle_c is None


def test_a_cold_board_is_warmed_by_a_burner_that_is_gone_afterwards(board: Board, tree: PiTree) -> None:
    tree.heat(40.0)
    spec = make_spec(protocol=short_protocol(gate=Gate(start_c=50, band_c=1, timeout_s=60)))
    board.start(spec, wait_s=0.5)
    agent = wait_for(lambda: board.folder(spec).claim()).agent
    cores = os.cpu_count() or 1
    wait_for(lambda: len(_children(agent.pid)) >= cores)
    burners = [process for pid in _children(agent.pid) if (process := identify(pid)) is not None]
    tree.heat(50.0)
    for process in burners:
        wait_gone(process)
    assert ended(board.attend(spec)).outcome is Outcome.COMPLETED


def test_an_aborted_gate_leaves_no_burner_behind(board: Board, tree: PiTree) -> None:
    tree.heat(40.0)
    spec = make_spec(protocol=short_protocol(gate=Gate(start_c=50, timeout_s=60)))
    board.start(spec, wait_s=0.2)
    agent = wait_for(lambda: board.folder(spec).claim()).agent
    burners = [identify(pid) for pid in wait_for(lambda: _children(agent.pid) or None)]
    board.abort(spec)
    for process in burners:
        if process is not None:
            wait_gone(process)
    assert ended(board.finish(spec)).outcome is Outcome.ABORTED


def test_a_gate_whose_time_is_up_lets_the_run_go_on_and_says_so(board: Board, tree: PiTree) -> None:
    tree.heat(71.0)
    records = board.run(make_spec(protocol=short_protocol(gate=Gate(max_c=60, timeout_s=0.6))))
    passed = next(record for record in records if isinstance(record, GatePassed))
    assert passed.timed_out and "71.0 C" in passed.reason
    assert ended(records).outcome is Outcome.COMPLETED


def test_a_disturbed_warm_up_goes_back_to_the_gate(board: Board) -> None:
    gate = Gate(foreign_cpu_max=0.8, load_window_s=0.5, timeout_s=2.0)
    spec = make_spec(protocol=short_protocol(gate=gate, warm_up_s=0.8))
    assert board.start(spec, wait_s=20).phase is Phase.READY
    with _busy_machine():
        wait_for(lambda: (note := read_note(board.folder(spec).path)) is not None and note.phase is Phase.GATE)
    records = board.attend(spec)
    assert ended(records).outcome is Outcome.COMPLETED
    assert ended(records).back_to_gate >= 1
    assert phases(records)[:6] == [Phase.GATE, Phase.LOAD, Phase.READY, Phase.WARM_UP, Phase.GATE, Phase.READY]


def test_telemetry_comes_from_the_boards_sensors(board: Board, tree: PiTree) -> None:
    tree.answer("get_throttled", "throttled=0x50000")
    records = board.run(make_spec(protocol=short_protocol(window_s=1.5)))
    environment = next(record for record in records if isinstance(record, Environment))
    chunks = [record for record in records if isinstance(record, Telemetry)]
    assert environment.facts["board_type"] == "pi5" and environment.absent == ("ambient_c",)
    assert {value for chunk in chunks for value in chunk.temperature_c} == {48.3}
    assert {value for chunk in chunks for value in chunk.throttled} == {0x50000, None}
    assert any(value is not None for chunk in chunks for value in chunk.power_w)


@contextmanager
def _busy_machine() -> Iterator[None]:
    spinners = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.join()


def _spin() -> None:
    while True:
        pass


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(text) for text in path.read_text().split()] if path.exists() else []
