"""What a study will take, which room it tolerates, and how its runs scatter."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from orchestrator.analysis.forecast import (
    ASSUMED_CV,
    ASSUMED_OVERHEAD_S,
    Board,
    Known,
    cooling_s,
    expected_run_s,
    forecast_boards,
    pool_scatter,
    tolerated_warming_c,
)
from orchestrator.protocols import answering, preset
from orchestrator.simulator.boards import BOARD_KINDS
from orchestrator.simulator.thermal import Die, advance, at_rest

GATE = Gate(above_idle_c=6.0, idle_s=300.0, band_c=2.0, hold_s=60.0, foreign_cpu_max=0.02, load_window_s=5.0)
STANDARD = Protocol(
    name="standard",
    regime=Regime.BURST,
    gate=GATE,
    warm_up=WarmUp(min_inferences=5, min_s=10.0),
    window=Window(min_inferences=30, min_s=60.0, max_s=300.0),
)
SOAK = preset("sustained").protocol
QUICK = Protocol(
    name="quick",
    regime=Regime.BURST,
    gate=Gate(max_c=65.0),
    warm_up=WarmUp(min_inferences=3, min_s=3.0),
    window=Window(min_inferences=20, min_s=15.0, max_s=120.0),
)


def make_board(device: str = "pi5", lane: str | None = None, queued_s: float = 0.0, **known: Any) -> Board:
    """A device, on a machine of its own unless it is told."""
    return Board(device=device, lane=lane or device, queued_s=queued_s, known=Known(**known))


def test_the_first_gate_finds_the_idle_temperature_and_later_ones_cool() -> None:
    (board,) = forecast_boards(STANDARD, 2, 5, [make_board()])
    assert board.first_gate_s == pytest.approx(300 + 60, abs=30)
    assert board.gate_s == pytest.approx(60 + 360 * math.log((6 + 7) / 8))
    assert (board.floor_s, board.runs) == (70.0, 10)
    assert board.own_s == pytest.approx(board.first_gate_s + 9 * board.gate_s + 10 * (70 + ASSUMED_OVERHEAD_S))
    assert any("time constant 360 s" in each for each in board.assumed)


def test_what_gates_have_waited_counts_more_than_what_could_be_thought() -> None:
    known: dict[str, Any] = {"first_waits_s": (380.0,), "waits_s": (90.0, 100.0, 400.0), "rest_s": 80.0, "tau_s": 150.0}
    (board,) = forecast_boards(STANDARD, 1, 3, [make_board(**known)])
    assert (board.first_gate_s, board.gate_s, board.run_s, board.assumed) == (380.0, 100.0, 80.0, ())
    assert board.own_s == pytest.approx(380 + 2 * 100 + 3 * 80)


def test_a_quicker_board_waits_less() -> None:
    slow, quick = forecast_boards(STANDARD, 1, 2, [make_board("slow", tau_s=700.0), make_board("quick", tau_s=120.0)])
    assert quick.gate_s < slow.gate_s


def test_slow_inferences_raise_the_floor_up_to_the_longest_window() -> None:
    floors = [forecast_boards(STANDARD, 1, 1, [make_board(median_s=m)])[0].floor_s for m in (0.1, 4.0, 60.0)]
    assert floors == [70.0, 20.0 + 120.0, 300.0 + 300.0]


def test_answers_of_a_model_that_was_never_timed_are_said_to_come_on_top() -> None:
    (found,) = forecast_boards(answering(500), 1, 1, [make_board()])
    assert "the model's 500 inferences take no time, as no run has shown how long they take" in found.assumed
    (known,) = forecast_boards(answering(500), 1, 1, [make_board(median_s=0.2)])
    assert known.floor_s == pytest.approx(100.0)
    assert not any("inferences" in each for each in known.assumed)


def test_a_device_without_a_thermometer_waits_for_its_load_alone() -> None:
    (board,) = forecast_boards(STANDARD, 1, 2, [make_board(has_temperature=False)])
    assert (board.first_gate_s, board.gate_s, board.room_c) == (5.0, 5.0, None)


def test_no_gate_waits_longer_than_its_time_out_which_knows_the_board_where_a_start_is_asked_for() -> None:
    def waits_s(gate: Gate) -> list[float]:
        hot = Protocol(name="hot", regime=Regime.BURST, gate=gate, warm_up=STANDARD.warm_up, window=STANDARD.window)
        boards = [make_board(idle_c=45.0, tau_s=500.0), make_board(idle_c=45.0)]
        return [board.gate_s for board in forecast_boards(hot, 1, 2, boards)]

    assert waits_s(Gate(start_c=40.0)) == [4 * 500.0, GATE.timeout_s]
    assert waits_s(Gate(max_c=40.0)) == [GATE.timeout_s, GATE.timeout_s]


def test_devices_of_one_machine_add_up_and_others_do_not() -> None:
    boards = [make_board("a", "host"), make_board("b", "host", queued_s=0.0), make_board("c", queued_s=100.0)]
    a, b, c = forecast_boards(QUICK, 2, 1, boards)
    assert a.done_in_s == b.done_in_s == pytest.approx(a.own_s + b.own_s)
    assert c.done_in_s == pytest.approx(100 + c.own_s)


def test_a_start_above_idle_tolerates_a_room_that_warms_by_almost_as_much() -> None:
    warming = tolerated_warming_c(STANDARD, Known())
    assert warming is not None
    assert 7.0 < warming < 8.0
    assert tolerated_warming_c(QUICK, Known()) is None
    assert tolerated_warming_c(QUICK, Known(idle_c=50.0)) == pytest.approx(15, abs=1)


def cooled_down_s(room_c: float, kind: str = "pi5-bare") -> float:
    """How long a simulated board takes from the end of a run to the upper edge of the band, the room being warmer."""
    silicon = next(board for board in BOARD_KINDS.values() if board.name == kind).silicon
    idle = at_rest(silicon, ambient_c=25.0)
    start_c = idle.junction_c + 6.0
    die, waited_s = idle, 0.0

    def step(die: Die, utilisation: float) -> Die:
        return advance(silicon, die, utilisation=utilisation, requested_hz=2.4e9, ambient_c=25 + room_c, dt_s=1.0)

    for _ in range(3600):
        die = step(die, 0.0)
    for _ in range(70):
        die = step(die, 1.0)
    while die.junction_c > start_c + 2.0 and waited_s < 2 * GATE.timeout_s:
        die, waited_s = step(die, 0.0), waited_s + 1.0
    return waited_s


def test_on_a_simulated_board_a_room_within_the_tolerance_opens_the_gate_and_one_beyond_does_not() -> None:
    tolerated = tolerated_warming_c(STANDARD, Known(tau_s=366.0))
    assert tolerated is not None
    assert cooled_down_s(tolerated - 1.0) < GATE.timeout_s
    assert cooled_down_s(tolerated + 1.0) > GATE.timeout_s


@given(st.floats(0.5, 50), st.floats(0.5, 50), st.floats(10, 1000))
def test_cooling_follows_the_exponential(from_c: float, to_c: float, tau_s: float) -> None:
    seconds = cooling_s(from_c, to_c, tau_s)
    assert seconds >= 0
    if from_c > to_c:
        assert from_c * math.exp(-seconds / tau_s) == pytest.approx(to_c)


def test_scatter_is_pooled_within_what_should_be_alike() -> None:
    scatter = pool_scatter([[100.0, 102.0, 98.0], [500.0, 510.0, 490.0], [7.0]])
    assert scatter.freedom == 4
    assert scatter.cv == pytest.approx(0.02, rel=0.02)
    few = pool_scatter([[100.0, 150.0]])
    assert (few.cv, few.is_assumed) == (ASSUMED_CV, True)


def test_a_soak_that_cools_while_that_is_recorded_leaves_less_to_wait_for() -> None:
    def gate_s(cooling_s: float) -> float:
        soak = replace(SOAK, recorded_cooling_s=cooling_s)
        return forecast_boards(soak, 1, 2, [make_board(tau_s=300.0)])[0].gate_s

    none_s, some_s, long_s = gate_s(0.0), gate_s(300.0), gate_s(3000.0)
    assert none_s == pytest.approx(300 * math.log((6 + 30) / 6.5) + 30), "heat levels off at 0.1 C/s times 300 s"
    assert some_s == pytest.approx(none_s - 300.0)
    assert long_s == 30.0


def test_a_board_that_is_known_to_cool_slowly_is_expected_to_take_longer() -> None:
    assert expected_run_s(STANDARD, 700.0) > expected_run_s(STANDARD) > expected_run_s(STANDARD, 120.0)
