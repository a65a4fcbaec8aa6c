"""The fit to a cooling board, the outlook made from it, and the thermostat, on curves that are known."""

import math
import random

import pytest

from agent.cooling import SETTLE_S, Candidate, Cooling, Prior, Trace, fit_cooling
from agent.outlook import Outlook
from agent.thermostat import Thermostat
from agent.wire.codec import WireError
from agent.wire.spec import Gate

STEP_C = 0.5


def trace_of(asymptote_c: float, above_c: float, tau_s: float, lasted_s: float, noise_c: float = 0.4) -> Trace:
    """A cooling as its sensor shows it, in steps of half a degree."""
    rng, trace = random.Random(1), Trace()
    for index in range(int(lasted_s * 2) + 1):
        true_c = asymptote_c + above_c * math.exp(-index / 2 / tau_s)
        trace.add(100.0 + index / 2, round((true_c + rng.gauss(0, noise_c)) / STEP_C) * STEP_C)
    return trace


def fit(trace: Trace, prior: Prior | None = None) -> Cooling:
    """The fit, which there has to be."""
    found = fit_cooling(trace) if prior is None else fit_cooling(trace, prior)
    assert found is not None
    return found


@pytest.mark.parametrize(("above_c", "tau_s", "lasted_s"), [(12, 150, 600), (15, 360, 900), (-6, 150, 600)])
def test_the_asymptote_and_the_time_constant_are_found_within_their_errors(
    above_c: float, tau_s: float, lasted_s: float
) -> None:
    found = fit(trace_of(45, above_c, tau_s, lasted_s))
    assert abs(found.asymptote_c - 45) < 2 * found.error_c < 2
    assert found.tau_s is not None
    assert abs(math.log(found.tau_s / tau_s)) < 3 * found.log_tau_error


def test_a_flat_curve_tells_its_mean_and_no_time_constant() -> None:
    found = fit(trace_of(45, 0, 300, 300))
    assert found.asymptote_c == pytest.approx(45, abs=0.1)
    assert found.tau_s is None


def test_a_short_cooling_says_that_it_knows_little() -> None:
    short, long = fit(trace_of(45, 12, 360, 150)), fit(trace_of(45, 12, 360, 900))
    assert short.error_c > 3 * long.error_c


def test_nothing_is_fitted_while_the_die_still_follows_its_board() -> None:
    assert fit_cooling(trace_of(45, 12, 360, SETTLE_S)) is None


def test_what_is_known_before_narrows_a_short_fit() -> None:
    trace = trace_of(45, 12, 360, 120)
    known = fit(trace, Prior(asymptote_c=45.0, asymptote_error_c=1.0, log_tau=math.log(360), log_tau_error=0.1))
    assert abs(known.asymptote_c - 45) < known.error_c < fit(trace).error_c


@pytest.mark.parametrize("change", [{"log_tau_error": 0.0}, {"asymptote_error_c": -1.0}, {"log_tau": 20.0}])
def test_knowledge_without_sense_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(WireError):
        Prior(**change)


def test_a_curve_tells_when_it_is_down() -> None:
    curve = Candidate(share=1.0, tau_s=100.0, asymptote_c=40.0, scale_c=10.0)
    assert curve.reaches_s(45.0) == pytest.approx(100 * math.log(2))
    assert (curve.reaches_s(51.0), curve.reaches_s(40.0)) == (0.0, math.inf)


def outlook_of(gate: Gate, trace: tuple[float, float, float, float], known: Prior) -> Outlook:
    """An outlook that has seen a cooling without noise."""
    asymptote_c, above_c, tau_s, lasted_s = trace
    outlook = Outlook(gate, known)
    for index in range(int(lasted_s * 2) + 1):
        outlook.take(index / 2, asymptote_c + above_c * math.exp(-index / 2 / tau_s), is_heated=False)
    return outlook


def test_a_wait_is_forecast_from_the_cooling_curve() -> None:
    gate = Gate(start_c=50, band_c=2, hold_s=60, idle_s=300)
    known = Prior(asymptote_c=44, asymptote_error_c=0.5, log_tau=math.log(360), log_tau_error=0.05)
    told = outlook_of(gate, (44, 14, 360, 120), known).whole_wait_s(50)
    assert told is not None and told[1]
    assert told[0] == pytest.approx(360 * math.log(14 / 8) + 60, rel=0.1)


def test_a_board_that_never_comes_down_has_an_infinite_wait() -> None:
    gate = Gate(start_c=50, band_c=2, hold_s=60, idle_s=300)
    told = outlook_of(gate, (56, 6, 150, 600), Prior()).whole_wait_s(50)
    assert told == (math.inf, True)


def test_an_equilibrium_needs_its_time_and_rests_on_this_gate_alone() -> None:
    gate, misled = Gate(start_c=50, idle_s=300), Prior(asymptote_c=30, asymptote_error_c=0.01)
    assert outlook_of(gate, (44, 14, 150, 200), misled).equilibrium() is None
    found = outlook_of(gate, (44, 14, 150, 400), misled).equilibrium()
    assert found is not None and found.asymptote_c == pytest.approx(44, abs=0.5)


def test_what_a_gate_learnt_of_the_time_constant_is_known_to_the_next() -> None:
    learnt = outlook_of(Gate(start_c=50, idle_s=300), (44, 14, 150, 600), Prior()).learnt()
    assert math.exp(learnt.log_tau) == pytest.approx(150, rel=0.1)
    assert Outlook(Gate(start_c=50), learnt).tau_s == pytest.approx(150, rel=0.1)
    assert Outlook(Gate(start_c=50)).tau_s is None


@pytest.mark.parametrize(("gain_c", "die_tau_s"), [(16.0, 13.0), (7.5, 10.0), (7.0, 17.0)])
def test_the_thermostat_holds_dies_of_different_gain(gain_c: float, die_tau_s: float) -> None:
    rng, thermostat, die_c = random.Random(1), Thermostat(46.0), 40.0
    true_c = []
    for index in range(400):
        shown_c = round((die_c + rng.gauss(0, 0.4)) / STEP_C) * STEP_C
        duty = thermostat.duty(index / 2, shown_c)
        die_c += (40.0 + duty * gain_c - die_c) * (1 - math.exp(-0.5 / die_tau_s))
        true_c.append(die_c)
    assert duty == pytest.approx(6 / gain_c, abs=0.15)
    assert all(abs(sum(true_c[at : at + 20]) / 20 - 46) < 1 for at in range(120, 380))
