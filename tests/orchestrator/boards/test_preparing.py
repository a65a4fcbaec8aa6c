"""Preparing a simulated board over real SSH: it holds, it comes back, and where it cannot be done the board says so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.home import Home, open_home
from agent.lock import Holder, take_lock
from agent.tuning import renew
from agent.wire.answers import Answer, Tuned, Way
from agent.wire.codec import dumps
from agent.wire.spec import Fence
from orchestrator.boards.board import Board
from orchestrator.boards.bundle import build_bundle
from orchestrator.errors import BusyError, DeviceError, OwnedError
from orchestrator.simulator.boards import BOARD_KINDS
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.simulator.hardware import HardwareTree
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport
from tests.orchestrator.boards.test_board import active, board_that_says

KIND = "pi4-bare"
FARM = "farm-a"
ORIGINAL = ("ondemand", "600000", "1500000")
PREPARED = ("performance", "1500000", "1500000")
POLICY = "board/sys/devices/system/cpu/cpufreq/policy0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A simulated board with today's agent, reached over SSH."""

    simulated: SimulatedBoard
    board: Board

    @property
    def settings(self) -> tuple[str, str, str]:
        """Governor, lowest and highest clock as the board's kernel shows them."""
        names = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
        governor, lowest, highest = ((self.simulated.home / POLICY / name).read_text().strip() for name in names)
        return governor, lowest, highest

    @property
    def home(self) -> Home:
        """The agent's home on it."""
        return open_home(self.simulated.home / ".pifarm")

    def lock_settings(self, *, with_sudo: bool) -> None:
        """From now on only root may set governor and clock."""
        HardwareTree(self.simulated.home / "board", BOARD_KINDS[KIND], "0").lock_settings(with_sudo=with_sudo)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    key = FarmKey.in_folder(tmp_path / "key")
    with simulated_boards(tmp_path / "boards", [KIND], [key.public_line]) as boards:
        notes = boards[0].home / ".pifarm/board.json"
        notes.write_text(json.dumps({**json.loads(notes.read_text()), "lock": str(tmp_path / "lock")}))
        way = SshTransport(boards[0].address, key_file=key.private_file, host_key=str(boards[0].host_key))
        bundle = build_bundle(tmp_path / "bundles")
        way.push(bundle.path, bundle.target, sha256=bundle.sha256)
        yield Bench(simulated=boards[0], board=Board(way, python="python3", bundle_hash=bundle.hash))
        way.close()


@pytest.mark.integration
@pytest.mark.ssh
def test_a_board_is_prepared_proven_by_its_true_clock_and_restored(bench: Bench) -> None:
    assert bench.settings == ORIGINAL
    tuned = bench.board.prepare(FARM)
    assert bench.settings == PREPARED
    assert tuned.is_prepared and tuned.is_verified and tuned.problem == ""
    assert tuned.clock_hz == pytest.approx(1.5e9, rel=0.02)
    assert bench.board.probe().facts["prepared"] is True
    bench.board.prepare(FARM)
    assert bench.board.restore(FARM).is_verified and bench.settings == ORIGINAL
    assert bench.board.restore(FARM) == Tuned(is_prepared=False)


@pytest.mark.integration
@pytest.mark.ssh
def test_where_only_sudo_may_write_it_is_used_and_named(bench: Bench) -> None:
    bench.lock_settings(with_sudo=True)
    tuned = bench.board.prepare(FARM)
    assert {setting.way for setting in tuned.settings} == {Way.SUDO}
    assert bench.settings == PREPARED
    bench.board.restore(FARM)
    assert bench.settings == ORIGINAL


@pytest.mark.integration
@pytest.mark.ssh
def test_a_board_without_permission_stays_as_it_was_and_says_why(bench: Bench) -> None:
    bench.lock_settings(with_sudo=False)
    tuned = bench.board.prepare(FARM)
    assert not tuned.is_prepared and not tuned.is_verified
    assert all("there is no sudo" in setting.problem for setting in tuned.settings)
    assert bench.settings == ORIGINAL


@pytest.mark.integration
@pytest.mark.ssh
def test_a_governor_that_fell_back_is_renewed(bench: Bench) -> None:
    bench.board.prepare(FARM)
    (bench.simulated.home / POLICY / "scaling_governor").write_text("powersave\n")
    facts = renew(bench.home, patience_s=5.0)
    assert facts["governor_renewed"] is True and bench.settings == PREPARED


@pytest.mark.integration
@pytest.mark.ssh
def test_while_something_measures_the_board_is_left_alone(bench: Bench) -> None:
    lock = take_lock(bench.home.lock_path("onnxruntime"), Holder(folder="elsewhere"))
    assert lock is not None
    for ask in (lambda: bench.board.prepare(FARM), lambda: bench.board.restore(FARM), bench.board.examine):
        with pytest.raises(BusyError, match="something measures"):
            ask()
    lock.close()
    assert bench.settings == ORIGINAL


@pytest.mark.integration
@pytest.mark.ssh
def test_another_farms_board_is_neither_prepared_nor_restored(bench: Bench) -> None:
    bench.board.prepare(FARM)
    bench.board.probe(take_over=Fence(farm_id="farm-b", number=1))
    for ask in (bench.board.prepare, bench.board.restore):
        with pytest.raises(OwnedError, match="owned by farm farm-b"):
            ask(FARM)
    assert bench.settings == PREPARED
    assert bench.board.restore("farm-b").is_verified and bench.settings == ORIGINAL


@pytest.mark.parametrize(
    "said",
    [
        active(),
        b'{"tuned": {"is_prepared": "yes"}}\n',
        b'{"examined": {"facts": {"a": {}}}}\n',
        b'{"tuned": {"is_prepared": true, "problem": "' + b"x" * 500 + b'"}}\n',
        dumps(Answer(tuned=Tuned(is_prepared=True))).encode() + b"\nand more",
    ],
)
def test_an_answer_that_does_not_fit_is_the_boards_fault(said: bytes | Answer) -> None:
    board = board_that_says(said)
    for ask in (lambda: board.prepare(FARM), lambda: board.restore(FARM), board.examine):
        with pytest.raises(DeviceError):
            ask()
