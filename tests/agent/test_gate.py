"""The gate's decisions, reading by reading, on a clock that the test turns."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cooling import Prior
from agent.gatekeeper import Decision, GateKeeper, GateStep
from agent.protocol import Reading, is_disturbed, mean_foreign_cpu
from agent.wire.spec import Gate

PERIOD_S = 0.5


def play(keeper: GateKeeper, temperatures_c: Sequence[float | None], *, from_s: float = 0.0) -> list[Decision]:
    """Decisions on temperatures that come twice a second from a board with nothing else to say."""
    return [
        keeper.decide(Reading(at_s=from_s + index * PERIOD_S, temperature_c=value, throttled=0, foreign_cpu=0.0))
        for index, value in enumerate(temperatures_c)
    ]


def test_a_gate_without_conditions_is_open_at_once() -> None:
    decision = GateKeeper(Gate()).decide(Reading(at_s=100.0, throttled=0))
    assert (decision.step, decision.reason) == (GateStep.OPEN, "open")


def test_a_board_that_is_too_warm_cools_without_a_burner() -> None:
    first, second = play(GateKeeper(Gate(max_c=65)), [70.0, 64.9])
    assert (first.step, first.duty) == (GateStep.COOL, 0)
    assert first.reason == "temperature 70.0 C, wanted at most 65.0 C"
    assert second.step is GateStep.OPEN


@pytest.mark.parametrize(
    ("temperature_c", "step", "duty"),
    [
        (40.0, GateStep.WARM, 1.0),
        (48.0, GateStep.OPEN, 0.0),
        (52.0, GateStep.OPEN, 0.0),
        (52.6, GateStep.COOL, 0.0),
    ],
)
def test_below_the_band_a_burner_warms_and_above_it_the_board_cools(
    temperature_c: float, step: GateStep, duty: float
) -> None:
    decision = play(GateKeeper(Gate(start_c=50, band_c=2)), [temperature_c])[0]
    assert (decision.step, decision.duty) == (step, duty)


def test_the_band_has_to_be_held() -> None:
    keeper = GateKeeper(Gate(start_c=50, band_c=1, hold_s=10))
    decisions = play(keeper, [50.0] * 21)
    assert {decision.step for decision in decisions[:20]} == {GateStep.HOLD}
    assert decisions[20].step is GateStep.OPEN
    assert keeper.waited_s == 10.0


def test_a_burner_that_holds_burns_a_part_and_only_below_the_start_temperature_is_it_lit() -> None:
    above, below = play(GateKeeper(Gate(start_c=50, band_c=1, hold_s=60)), [50.2, 49.6])
    assert (above.step, above.duty) == (GateStep.HOLD, 0)
    assert below.step is GateStep.HOLD and 0 < below.duty < 0.5


def test_holding_is_judged_by_ten_second_means_so_that_quantisation_does_not_break_it() -> None:
    keeper = GateKeeper(Gate(start_c=50, band_c=0.4, hold_s=20))
    decisions = play(keeper, [50.0] * 20 + [50.55, 49.45] * 20)
    assert decisions[40].step is GateStep.OPEN


def test_leaving_the_band_starts_the_hold_again() -> None:
    keeper = GateKeeper(Gate(start_c=50, band_c=1, hold_s=5))
    decisions = play(keeper, [50.0] * 9 + [60.0] * 12 + [50.0] * 40)
    opened = next(index for index, decision in enumerate(decisions) if decision.step is GateStep.OPEN)
    assert opened * PERIOD_S >= 10.5 + 5  # the excursion has to leave the mean, then the whole hold


def test_the_idle_temperature_sets_the_start_of_a_first_run() -> None:
    keeper = GateKeeper(Gate(above_idle_c=6, idle_s=10, band_c=1))
    decisions = play(keeper, [44.0] * 10 + [45.0] * 11 + [50.5])
    assert {decision.step for decision in decisions[:20]} == {GateStep.IDLE}
    assert {decision.reason for decision in decisions[:20]} == {"finding the idle temperature"}
    assert {decision.duty for decision in decisions[:20]} == {0.0}
    assert keeper.idle_c == pytest.approx(44.5, abs=0.05)
    assert keeper.start_c == pytest.approx(50.5, abs=0.05)
    assert (decisions[20].step, decisions[21].step) == (GateStep.WARM, GateStep.OPEN)
    assert keeper.tau_s is None  # ten seconds tell no time constant


def test_a_known_start_temperature_needs_no_idle_time() -> None:
    assert play(GateKeeper(Gate(start_c=50, above_idle_c=6, band_c=1)), [50.0])[0].step is GateStep.OPEN


@pytest.mark.parametrize("bit", range(4))
def test_a_live_throttle_bit_keeps_the_gate_shut(bit: int) -> None:
    keeper = GateKeeper(Gate())
    decision = keeper.decide(Reading(at_s=0.0, throttled=1 << bit))
    assert (decision.step, decision.reason) == (GateStep.WAIT, f"live throttle bits 0x{1 << bit:x}")


def test_sticky_throttle_bits_are_history() -> None:
    assert GateKeeper(Gate()).decide(Reading(at_s=0.0, throttled=0xF0000)).step is GateStep.OPEN


def test_live_bits_do_not_matter_where_they_are_not_asked_for() -> None:
    assert GateKeeper(Gate(live_bits_clear=False)).decide(Reading(at_s=0.0, throttled=0xF)).step is GateStep.OPEN


def test_the_load_is_watched_for_the_whole_window_before_it_is_judged() -> None:
    keeper = GateKeeper(Gate(foreign_cpu_max=0.02, load_window_s=2))
    shares = [None, 0.0, 0.0, 0.0, 0.01]
    steps = [keeper.decide(Reading(at_s=i * 0.5, throttled=0, foreign_cpu=s)).step for i, s in enumerate(shares)]
    assert steps == [GateStep.WAIT] * 4 + [GateStep.OPEN]
    assert keeper.foreign_cpu == pytest.approx(0.0025)


def test_a_busy_board_waits_until_the_load_has_left_the_window() -> None:
    keeper = GateKeeper(Gate(foreign_cpu_max=0.02, load_window_s=2))
    shares = [None, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    decisions = [keeper.decide(Reading(at_s=i * 0.5, throttled=0, foreign_cpu=s)) for i, s in enumerate(shares)]
    assert decisions[4].reason == "foreign load 50.0%, wanted at most 2.0%"
    assert [decision.step for decision in decisions[4:]] == [GateStep.WAIT] * 4 + [GateStep.OPEN]


def test_an_absent_sensor_is_skipped_and_said() -> None:
    gate = Gate(max_c=60, start_c=50, hold_s=60, foreign_cpu_max=0.02)
    keeper = GateKeeper(gate, absent=("temperature_c", "throttled", "foreign_cpu", "fan_rpm"))
    decision = keeper.decide(Reading(at_s=0.0))
    assert decision.step is GateStep.OPEN
    assert decision.reason == "open; not checked for want of a sensor: temperature, throttle bits, foreign load"


def test_what_was_not_asked_for_is_not_missed() -> None:
    keeper = GateKeeper(Gate(live_bits_clear=False), absent=("temperature_c", "throttled", "foreign_cpu"))
    assert keeper.decide(Reading(at_s=0.0)).reason == "open"


def test_a_sensor_that_only_fails_now_is_waited_for() -> None:
    keeper = GateKeeper(Gate(max_c=60))
    assert keeper.decide(Reading(at_s=0.0, throttled=0)).step is GateStep.WAIT
    assert keeper.decide(Reading(at_s=1.0, temperature_c=50.0)).step is GateStep.WAIT
    assert keeper.decide(Reading(at_s=2.0, temperature_c=50.0, throttled=0)).step is GateStep.OPEN


def test_after_its_time_the_gate_lets_the_run_go_on_and_says_why() -> None:
    decisions = play(GateKeeper(Gate(max_c=60, timeout_s=2)), [70.0] * 6)
    assert [decision.step for decision in decisions[:4]] == [GateStep.COOL] * 4
    assert (decisions[4].step, decisions[4].duty) == (GateStep.TIMED_OUT, 0)
    assert "70.0 C" in decisions[4].reason and decisions[4].is_final


def test_an_open_gate_is_open_even_when_its_time_is_up() -> None:
    assert play(GateKeeper(Gate(max_c=60, timeout_s=0)), [50.0])[0].step is GateStep.OPEN


@given(st.lists(st.floats(50.01, 90), min_size=1, max_size=200), st.floats(0.5, 3))
def test_the_burner_is_not_lit_before_a_board_is_colder_than_its_start(
    temperatures_c: list[float], band_c: float
) -> None:
    keeper = GateKeeper(Gate(start_c=50, band_c=band_c, hold_s=5, timeout_s=1e6))
    assert {decision.duty for decision in play(keeper, temperatures_c)} == {0.0}


@given(st.lists(st.none() | st.floats(20, 90), min_size=1, max_size=60), st.floats(0, 20))
def test_no_gate_outlasts_its_time(temperatures_c: list[float | None], timeout_s: float) -> None:
    keeper = GateKeeper(Gate(max_c=30, start_c=80, foreign_cpu_max=0.001, timeout_s=timeout_s))
    for index, decision in enumerate(play(keeper, temperatures_c)):
        assert decision.is_final or index * PERIOD_S < timeout_s


def test_a_warm_up_is_disturbed_by_others_but_not_by_the_counters_resolution() -> None:
    gate = Gate(foreign_cpu_max=0.02, load_window_s=2)
    quiet = [Reading(at_s=i * 0.25, foreign_cpu=0.025) for i in range(9)]
    busy = [Reading(at_s=i * 0.25, foreign_cpu=0.05) for i in range(9)]
    assert not is_disturbed(gate, quiet, tick_share=0.01)
    assert is_disturbed(gate, busy, tick_share=0.01)


def test_only_the_newest_part_of_a_warm_up_counts() -> None:
    gate = Gate(foreign_cpu_max=0.02, load_window_s=1)
    readings = [Reading(at_s=i * 0.25, foreign_cpu=0.9 if i < 8 else 0.0) for i in range(13)]
    assert not is_disturbed(gate, readings, tick_share=0.0)


@pytest.mark.parametrize("gate", [Gate(), Gate(foreign_cpu_max=0.02)])
def test_a_warm_up_that_nobody_watched_is_not_called_disturbed(gate: Gate) -> None:
    assert not is_disturbed(gate, [Reading(at_s=0.0), Reading(at_s=1.0)], tick_share=0.0)


def test_the_foreign_load_is_weighted_by_time() -> None:
    readings = [
        Reading(at_s=0.0),
        Reading(at_s=0.1, foreign_cpu=1.0),
        Reading(at_s=1.0, foreign_cpu=0.0),
        Reading(at_s=1.1),
    ]
    assert mean_foreign_cpu(readings, 2.0) == pytest.approx(0.1)
    assert mean_foreign_cpu(readings[:1], 2.0) is None


def cooling(keeper: GateKeeper, *, tau_s: float, lasted_s: int, settles_c: float = 60.0) -> list[Decision]:
    """Decisions on a board that cools towards a temperature, without noise."""
    return play(keeper, [settles_c + 15 * math.exp(-index / 2 / tau_s) for index in range(2 * lasted_s)])


def test_a_board_that_cools_slowly_has_four_of_its_time_constants() -> None:
    keeper = GateKeeper(Gate(start_c=50, timeout_s=100))
    assert next(i for i, decision in enumerate(cooling(keeper, tau_s=200, lasted_s=120)) if decision.is_final) == 200
    known = Prior(log_tau=math.log(200), log_tau_error=0.05)
    keeper = GateKeeper(Gate(start_c=50, timeout_s=100), known=known)
    decisions = cooling(keeper, tau_s=200, lasted_s=1000)
    ended_s = next(index for index, decision in enumerate(decisions) if decision.is_final) / 2
    assert ended_s == pytest.approx(800, rel=0.05)
    assert GateKeeper(Gate(max_c=50, timeout_s=100), known=known).timeout_s == 100


def test_a_wait_is_forecast_once_and_what_is_left_of_it_is_told_anew() -> None:
    known = Prior(asymptote_c=44.0, log_tau=math.log(150), log_tau_error=0.05)
    keeper = GateKeeper(Gate(start_c=50, band_c=2, hold_s=60), known=known)
    told: list[tuple[float | None, float | None]] = []
    for index in range(2000):
        now_c = 44 + 24 * math.exp(-index / 2 / 150)
        if keeper.decide(Reading(at_s=index / 2, temperature_c=now_c, throttled=0, foreign_cpu=0.0)).is_final:
            break
        told.append((keeper.forecast_s, keeper.ready_in_s))
    forecasts = {forecast_s for forecast_s, _ in told if forecast_s is not None}
    assert len(forecasts) == 1
    assert keeper.waited_s == pytest.approx(forecasts.pop(), rel=0.2)
    assert told[-1][1] == pytest.approx(0.5, abs=0.6)


def test_a_first_gate_says_from_the_start_about_how_long_it_will_take() -> None:
    keeper = GateKeeper(Gate(above_idle_c=6, idle_s=300, hold_s=60))
    play(keeper, [45.0])
    assert keeper.forecast_s is None
    assert keeper.ready_in_s == pytest.approx(380, abs=10)
