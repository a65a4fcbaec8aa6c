"""What a fit says of soaks that were not run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.wire.codec import WireError
from benchmarks.thermal_truth.judged import predictor_of
from benchmarks.thermal_truth.soaks import Plan, simulate, specimen
from orchestrator.analysis.thermal.fit import fit
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.power_law import VOLTAGES
from orchestrator.analysis.thermal.predicting import SETTLED, THROTTLES, compare_soak
from orchestrator.analysis.thermal.predicting import predictor_of as predictor_of_soak
from orchestrator.analysis.thermal.prediction import Forecast, Predictor, check, share_covered, soft_limit_c

BARE = specimen("pi4-bare", 1)
MADE = predictor_of(simulate(BARE, Plan(), 1))
assert MADE is not None
PREDICTOR: Predictor = MADE


def test_a_held_out_soak_in_a_warmer_room_is_foreseen() -> None:
    held = simulate(BARE, Plan(room_c=28.0, load_s=500.0), 2)
    start_c = float(held.soak.die_c[(held.soak.at_s > -30.0) & (held.soak.at_s < 0.0)].mean())
    found = PREDICTOR.seconds_to_throttle(start_c, 28.0)
    assert found.is_valid and held.first_live_s is not None
    assert found.value == pytest.approx(held.first_live_s, rel=0.15)


def test_a_warmer_room_throttles_sooner_and_settles_slower() -> None:
    seconds = [PREDICTOR.seconds_to_throttle(58.0, room_c).value for room_c in (10.0, 22.0, 25.0, 28.0)]
    assert seconds[0] == math.inf and seconds == sorted(seconds, reverse=True)
    latencies = [PREDICTOR.settled_latency_s(room_c).value for room_c in (10.0, 22.0, 25.0, 28.0)]
    assert latencies == sorted(latencies) and latencies[0] == pytest.approx(PREDICTOR.latency_s)
    assert PREDICTOR.margin_c(28.0).value - PREDICTOR.margin_c(25.0).value == pytest.approx(3.0)


def test_the_highest_room_is_the_one_in_which_that_latency_settles() -> None:
    wanted_s = 1.15 * PREDICTOR.latency_s
    room_c = PREDICTOR.highest_room_c(wanted_s).value
    assert PREDICTOR.settled_latency_s(room_c).value == pytest.approx(wanted_s, rel=0.01)
    assert PREDICTOR.highest_room_c(0.5 * PREDICTOR.latency_s).value == -math.inf


def test_a_latency_is_normalised_to_a_common_room() -> None:
    measured_s = PREDICTOR.settled_latency_s(29.0).value
    same_room = PREDICTOR.settled_latency_s(25.0).value
    assert PREDICTOR.normalised_s(measured_s, 29.0).value == pytest.approx(same_room)


def test_cooling_takes_longer_to_lower_temperatures_and_for_ever_below_idle() -> None:
    waits = [PREDICTOR.cool_down_s(80.0, to_c, 25.0).value for to_c in (81.0, 70.0, 60.0, 20.0)]
    assert waits[0] == 0.0 and waits == sorted(waits) and waits[-1] == math.inf


def test_it_says_where_it_leaves_its_range() -> None:
    assert PREDICTOR.seconds_to_throttle(58.0, 40.0).outside and PREDICTOR.seconds_to_throttle(20.0, 25.0).outside


def test_a_forecast_is_checked_against_what_came() -> None:
    forecast = Forecast(value=100.0, low=90.0, high=math.inf)
    assert check(forecast, 110.0).relative_error == pytest.approx(-1 / 11)
    assert check(forecast, None).is_covered and check(forecast, None).relative_error is None
    assert not check(forecast, 80.0).is_covered
    assert share_covered([check(forecast, 80.0), check(forecast, 95.0)]) == 0.5


def test_there_is_no_forecast_without_a_recorded_room() -> None:
    soak = simulate(specimen("pi4-fan", 1), Plan(load_s=600.0, has_ambient=False), 1).soak
    found = fit(soak, resamples=20)
    with pytest.raises(WireError, match="ambient"):
        Predictor(fit=found, top_hz=1.5e9, min_hz=0.6e9, latency_s=0.2, voltages=VOLTAGES["pi4"])


def test_a_warmer_room_holds_a_lower_rate_and_each_rate_has_its_warmest_room() -> None:
    rates = [PREDICTOR.highest_rate_per_s(room_c).value for room_c in (22.0, 25.0, 28.0)]
    assert rates == sorted(rates, reverse=True) and rates[0] < 1 / PREDICTOR.latency_s
    assert PREDICTOR.highest_room_for_rate_c(rates[1]).value == pytest.approx(25.0)
    assert PREDICTOR.highest_rate_per_s(25.0, 2.0).value < rates[1]
    held = PREDICTOR.highest_rate_per_s(25.0)
    assert held.low < held.value < held.high and held.is_valid


def test_no_rate_is_beyond_one_inference_after_another() -> None:
    assert PREDICTOR.highest_rate_per_s(-40.0).value == pytest.approx(1 / PREDICTOR.latency_s)
    assert PREDICTOR.highest_rate_per_s(79.0).value == 0.0
    assert PREDICTOR.highest_room_for_rate_c(1.1 / PREDICTOR.latency_s).value == -math.inf


def test_a_held_out_soak_is_compared_figure_by_figure() -> None:
    held = simulate(BARE, Plan(room_c=28.0, load_s=700.0), 2).soak
    onset, settled = compare_soak(PREDICTOR, held)
    assert (onset.figure, settled.figure) == (THROTTLES, SETTLED)
    assert onset.relative_error is not None and abs(onset.relative_error) < 0.15
    assert settled.measured > PREDICTOR.latency_s
    never = compare_soak(PREDICTOR, simulate(BARE, Plan(room_c=16.0, load_s=300.0), 3).soak)
    assert [(each.measured, each.relative_error, each.is_covered) for each in never] == [(math.inf, None, True)]


def test_what_a_soak_lacks_for_a_forecast_is_named() -> None:
    soak = simulate(BARE, Plan(load_s=300.0), 1).soak
    for changes, words in (
        ({"board_type": "pi3+"}, "voltages"),
        ({"clock_hz": np.full(len(soak.at_s), np.nan)}, "clock"),
        ({"ambient_c": np.full(len(soak.at_s), np.nan)}, "room"),
    ):
        with pytest.raises(Refusal, match=words):
            predictor_of_soak(replace(soak, **changes), 0.6e9)
    assert (soft_limit_c("pi3+"), soft_limit_c("pi4")) == (60.0, 80.0)


def test_a_room_that_was_only_stated_makes_forecasts_less_sure_and_says_so() -> None:
    stated = replace(PREDICTOR, fit=replace(PREDICTOR.fit, is_room_recorded=False))
    recorded, found = PREDICTOR.settled_latency_s(28.0), stated.settled_latency_s(28.0)
    assert found.value == recorded.value
    assert found.high - found.low > recorded.high - recorded.low
    assert any("stated" in words for words in found.outside)
