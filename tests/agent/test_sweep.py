"""A sweep by the real agent: slots while the burner stands, and what is said of them."""

import contextlib
import dataclasses
import itertools
import time
from pathlib import Path

import psutil
import pytest

from agent.timing import MOST_IN_SLOT, time_slot
from agent.wire.ramp import Ramp, Reach
from agent.wire.records import Environment, Inferences, Outcome, Phase, Record, StoppedBy
from agent.wire.spec import Gate, Protocol, Regime, RunSpec, WarmUp, Window
from tests.agent.board import Board, ended, kill, phases, wait_for, wait_gone
from tests.agent.specs import make_spec
from tests.agent.test_segments import assert_in_order
from tests.agent.trees import PiTree

RAMP = Ramp(low_c=60.0, high_c=80.0, rate_c_per_min=120.0, every_s=0.3, slot_s=0.05)


def sweep_spec(ramp: Ramp = RAMP, window_s: float = 3.0) -> RunSpec:
    """A sweep that is given up after a while: the tree's die stays as warm as it is."""
    protocol = Protocol(
        name="sweep",
        regime=Regime.SWEEP,
        gate=Gate(live_bits_clear=False),
        warm_up=WarmUp(min_inferences=2, min_s=0.0),
        window=Window(min_inferences=1, min_s=window_s, max_s=window_s),
        telemetry_period_s=0.1,
        report_every_s=1.0,
        ramp=ramp,
    )
    return make_spec(protocol=protocol)


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    """What the board's sensors show."""
    return PiTree(tmp_path / "root")


def window_of(records: list[Record]) -> list[tuple[int, int]]:
    """Start and end of each inference of the window, nanoseconds."""
    chunks = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    assert len(chunks) < 10, "slots are gathered, not written one by one"
    pairs = [pair for chunk in chunks for pair in zip(chunk.starts_ns, chunk.durations_ns, strict=True)]
    return [(start, start + duration) for start, duration in pairs]


def state(pid: int) -> str:
    """What a process does: R runs or waits to, S sleeps, T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.integration
def test_inferences_come_in_slots_and_the_burner_stands_meanwhile(board: Board, tree: PiTree) -> None:
    records = board.run(sweep_spec())
    end = ended(records)
    assert (end.outcome, end.stopped_by) == (Outcome.COMPLETED, StoppedBy.TIME)
    assert phases(records) == [Phase.GATE, Phase.LOAD, Phase.READY, Phase.WARM_UP, Phase.WINDOW, Phase.END]
    window = window_of(records)
    pauses_ns = [later[0] - earlier[1] for earlier, later in itertools.pairwise(window)]
    between = [pause for pause in pauses_ns if pause >= RAMP.every_s / 2 * 1e9]
    assert len(between) >= 4 and min(between) >= RAMP.every_s * 1e9
    assert end.swept is not None
    assert (end.swept.high, end.swept.down_from_ns) == (Reach.TIME, None)
    assert 0 < end.swept.stand_ns < 1e9, "the burner had been running, and was waited for"
    assert end.swept.low_c == pytest.approx(48.3, abs=0.01)
    assert end.peak_rss_bytes is not None and end.peak_rss_bytes > 0
    (environment,) = (each for each in records if isinstance(each, Environment))
    assert environment.facts["fan_steering"] == "hwmon3/pwm1, by sysfs"
    assert (tree.root / "sys/class/hwmon/hwmon3/pwm1").read_text() == "125"
    assert_in_order(records)


@pytest.mark.integration
def test_no_process_of_the_burner_runs_while_one_infers(board: Board, tree: PiTree) -> None:
    spec = dataclasses.replace(sweep_spec(), runtime_options={"median_ms": 40.0, "spin": True})
    board.start(spec)
    agent, measuring = board.processes(spec)
    looks: list[tuple[int, int, bool]] = []  # from, to, whether a burner ran meanwhile
    while board.folder(spec).end_record() is None:
        with contextlib.suppress(psutil.Error, OSError):  # one of them has just ended
            burners = {child.pid for child in psutil.Process(agent.pid).children()} - {measuring.pid}
            from_ns = time.monotonic_ns()
            runs = "R" in set(map(state, burners))
            looks.append((from_ns, time.monotonic_ns(), runs))
    claim = board.folder(spec).claim()
    assert claim is not None
    inferences = [(start + claim.origin_ns, end + claim.origin_ns) for start, end in window_of(board.finish(spec))]
    inside = [runs for from_ns, to_ns, runs in looks if any(a <= from_ns and to_ns <= b for a, b in inferences)]
    assert any(runs for _, _, runs in looks) and len(inside) > 10
    assert not any(inside)


@pytest.mark.integration
def test_a_fan_that_a_killed_sweep_left_standing_is_given_back_at_the_next_contact(board: Board, tree: PiTree) -> None:
    tree.heat(59.0)
    spec = sweep_spec(window_s=20.0)
    board.start(spec)
    agent, _ = board.processes(spec)
    pwm = tree.root / "sys/class/hwmon/hwmon3/pwm1"
    wait_for(lambda: pwm.read_text() == "0")
    kill(agent)
    wait_gone(agent)
    board.status(spec)
    assert pwm.read_text() == "125"


@pytest.mark.integration
def test_a_sweep_needs_a_board_that_tells_its_temperature(board: Board) -> None:
    end = ended(board.run(sweep_spec()))
    assert (end.outcome, end.code) == (Outcome.FAILED, "no_temperature")


@pytest.mark.integration
def test_a_board_that_is_too_hot_from_the_start_is_not_made_hotter(board: Board, tree: PiTree) -> None:
    tree.heat(90.0)
    records = board.run(sweep_spec(window_s=1.0))
    end = ended(records)
    assert (end.outcome, end.code) == (Outcome.FAILED, "no_slot")
    assert end.message == "protocol.ramp: the die was never below the limit of 84 C; cool it"
    assert window_of(records) == []


def test_a_slot_is_a_first_inference_and_more_for_its_time() -> None:
    now_ns = itertools.count(0, 10)
    slot = time_slot(lambda: None, 100e-9, clock=lambda: next(now_ns))
    assert slot.count == 5 and slot.durations_ns[0] == 10


def test_a_slot_has_a_second_inference_however_slow_and_an_end_however_fast() -> None:
    slow_ns = itertools.count(0, 10**10)
    assert time_slot(lambda: None, 0.25, clock=lambda: next(slow_ns)).count == 2
    fast_ns = itertools.count(0, 1)
    assert time_slot(lambda: None, 0.25, clock=lambda: next(fast_ns)).count == MOST_IN_SLOT


def test_a_slot_ends_with_the_inference_at_hand_when_it_is_told_to_stop() -> None:
    assert time_slot(lambda: None, 0.25, stop=[True]).count == 1
