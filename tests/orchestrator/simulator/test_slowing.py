"""A lower clock really slows the measured call, on simulated boards and nowhere else; what it does is told as heat."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RunFault
from agent.runtimes import Feeds, Runtime, Signature, load_runtime
from agent.runtimes.scripted import ScriptedRuntime
from agent.runtimes.slowed import SlowedRuntime, slow
from agent.wire.spec import Scalar
from orchestrator.simulator.board import MEMORY_BOUND, BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.hardware import HardwareTree
from orchestrator.simulator.load import ToldLoad

WORK_S = 0.002


class Worker:
    """A session whose inference is as much work as a spin of 2 ms at the highest clock."""

    inputs: Sequence[Signature] = ()
    outputs: Sequence[Signature] = ()
    options: Mapping[str, Scalar] = {}

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The work."""
        return self._work

    def _work(self) -> Sequence[Any]:
        end_s = time.monotonic() + WORK_S
        while time.monotonic() < end_s:
            pass
        return ("done",)


class Works:
    """A runtime that loads it."""

    version = "1"
    errors: tuple[type[Exception], ...] = (ValueError,)

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> Worker:
        """Whatever the file."""
        return Worker()


@pytest.fixture
def tree(tmp_path: Path) -> HardwareTree:
    """The hardware of a board that was booted."""
    tree = HardwareTree(tmp_path / "board", board_kind("pi4-bare"), "1000000012345678")
    tree.build()
    return tree


def shortest_s(runtime: Runtime, options: Mapping[str, Scalar]) -> float:
    """The shortest of four inferences: the others may have been disturbed."""
    call, times_s = runtime.load(Path("/dev/null"), 1, options).bind({}), []
    for _ in range(4):
        began_s = time.monotonic()
        call()
        times_s.append(time.monotonic() - began_s)
    return min(times_s)


@pytest.mark.parametrize(
    ("runtime", "options"),
    [(Works(), {}), (ScriptedRuntime(), {"median_ms": 2.0, "sigma": 0.0})],
    ids=["real", "pretended"],
)
def test_an_inference_takes_as_long_as_the_clock_makes_it(
    tree: HardwareTree, runtime: Runtime, options: Mapping[str, Scalar]
) -> None:
    slowed = slow(runtime, tree.root)
    assert (slowed.version, slowed.errors) == (runtime.version, runtime.errors)
    tree.keep_pace(3.0, 2)
    assert 3 * WORK_S <= shortest_s(slowed, options) < 4.5 * WORK_S
    tree.keep_pace(1.0, 2)
    assert WORK_S <= shortest_s(slowed, options) < 2 * WORK_S


def test_a_pretended_inference_tells_the_share_of_the_cores_that_it_would_use(tree: HardwareTree) -> None:
    tree.keep_pace(2.0, 2)
    began_s = time.monotonic()
    shortest_s(slow(ScriptedRuntime(), tree.root), {"median_ms": 2.0, "sigma": 0.0, "busy": 0.5})
    told_s, since_s, _ = tree.told_work()
    assert 4 * 2 * WORK_S * 0.5 <= told_s <= 0.5 * (time.monotonic() - began_s)
    assert since_s == 0.0


def test_a_spin_on_one_core_tells_nothing_where_the_inference_used_one(tree: HardwareTree) -> None:
    tree.keep_pace(2.0, 4)
    shortest_s(slow(Works(), tree.root), {})
    told_s, _, _ = tree.told_work()
    assert told_s < WORK_S


def test_told_work_is_counted_once_also_while_it_is_under_way() -> None:
    now = [10.0]
    load = ToldLoad(lambda: now[0])
    now[0] = 12.0
    assert load.utilisation(0.0, 11.0, 0.5) == pytest.approx(0.25)
    now[0] = 14.0
    assert load.utilisation(1.0, 13.0, 1.0) == pytest.approx(0.75)
    now[0] = 15.0
    assert load.utilisation(2.0, 0.0, 0.0) == pytest.approx(0.0)


@pytest.mark.parametrize(("notes", "is_slowed"), [({"simulated": True}, True), ({}, False), (None, False)])
def test_only_a_board_that_says_it_is_simulated_is_slowed(
    tmp_path: Path, tree: HardwareTree, notes: Mapping[str, Scalar] | None, is_slowed: bool
) -> None:
    model = tmp_path / "artifacts" / "abc" / "model.onnx"
    model.parent.mkdir(parents=True)
    if notes is not None:
        (tmp_path / "board.json").write_text(json.dumps({"root": str(tree.root), **notes}))
    assert isinstance(load_runtime("scripted", model), SlowedRuntime) == is_slowed
    assert not isinstance(load_runtime("scripted"), SlowedRuntime)


def test_a_plug_in_is_no_runtime_by_itself() -> None:
    with pytest.raises(RunFault, match="no runtime by itself"):
        load_runtime("slowed")


def test_a_board_without_its_files_is_said_to_be_gone(tmp_path: Path) -> None:
    with pytest.raises(RunFault, match="cannot be read"):
        slow(ScriptedRuntime(), tmp_path)


def test_the_pace_of_a_board_follows_its_true_clock_under_load(tmp_path: Path) -> None:
    body = BoardBody(tmp_path / "home", "pi5", board_kind("pi5-bare"))
    body.power_on()
    runtime = slow(ScriptedRuntime(), body.tree.root)
    assert isinstance(runtime, SlowedRuntime)
    assert runtime.pace == (1.0, body.cores), "a governor that saves clock at rest slows nothing"
    body.put_under(Conditions(cap_hz=1.5e9))
    body.tick()
    assert runtime.pace[0] == pytest.approx(MEMORY_BOUND + (1 - MEMORY_BOUND) * 2.4 / 1.5, rel=0.01)
    body.power_off()
