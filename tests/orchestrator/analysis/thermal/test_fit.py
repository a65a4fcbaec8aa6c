"""What a fit finds of simulated boards, and when it says that it found nothing."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.thermal_truth.soaks import Plan, effective, simulate, specimen
from orchestrator.analysis.thermal.cooling import cooling_of
from orchestrator.analysis.thermal.curve import Soak
from orchestrator.analysis.thermal.fit import Flaw, fit
from orchestrator.analysis.thermal.frame import Drive, Refusal
from orchestrator.analysis.thermal.power_law import VOLTAGES, relative_power

FAN = simulate(specimen("pi4-fan", 1), Plan(load_s=600.0), 1)


def cut(soak: Soak, is_kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Soak:
    """A soak with only some of its samples."""
    names = ("at_s", "die_c", "clock_hz", "requested_hz", "bits", "ambient_c", "power_w", "fan_rpm", "foreign_cpu")
    return replace(soak, **{name: getattr(soak, name)[is_kept] for name in names})


def test_a_board_that_stays_cool_is_found_as_it_is() -> None:
    gain, _, fast_s, slow_s = effective(FAN.silicon, 0)
    found = fit(FAN.soak, resamples=50)
    assert found.is_reliable and found.is_whole and len(found.taus_s) == 2
    assert found.gain is not None and found.gain.value == pytest.approx(gain, rel=0.05)
    assert found.taus_s[0].value == pytest.approx(fast_s, rel=0.20)
    assert found.taus_s[1].value == pytest.approx(slow_s, rel=0.10)
    assert found.is_settled and found.rise_c is not None


def test_a_fit_is_the_same_twice() -> None:
    short = cut(FAN.soak, FAN.soak.at_s < 300.0)
    first, second = (fit(short, resamples=20) for _ in range(2))
    assert np.array_equal(first.draws, second.draws, equal_nan=True)


def test_only_measured_power_gives_kelvins_a_watt() -> None:
    with pytest.raises(Refusal, match="power"):
        fit(FAN.soak, drive=Drive.POWER)
    truth = simulate(specimen("pi5-bare", 1), Plan(load_s=700.0), 1)
    found = fit(truth.soak, drive=Drive.POWER, resamples=20)
    assert found.gain is not None and found.gain.value == pytest.approx(effective(truth.silicon, 0)[1], rel=0.05)


def test_a_throttled_part_is_not_fitted_without_voltages() -> None:
    truth = simulate(specimen("pi4-bare", 1), Plan(load_s=500.0), 1)
    found = fit(truth.soak, voltages={}, resamples=20)
    assert not found.is_whole and found.last_c is None and found.is_settled is None


def test_a_room_that_warmed_unrecorded_is_not_reported_as_good() -> None:
    plan = Plan(load_s=700.0, has_ambient=False, extra_c=(300.0, 2.0))
    found = fit(simulate(specimen("pi4-heatsink", 1), plan, 1).soak, resamples=20)
    assert Flaw.MOVED in found.flaws and found.room_c is None


def test_without_enough_samples_or_load_there_is_no_fit() -> None:
    soak = FAN.soak
    with pytest.raises(Refusal, match="samples"):
        fit(cut(soak, np.abs(soak.at_s - 30.0) < 20.0))
    with pytest.raises(Refusal, match="load"):
        fit(cut(soak, (soak.at_s < 0.0) | (soak.at_s > soak.end_s)))


def test_the_cooling_has_its_constant_or_says_what_is_missing() -> None:
    cooling = cooling_of(FAN.soak, resamples=20)
    assert cooling.taus_s[-1].value == pytest.approx(effective(FAN.silicon, 0)[3], rel=0.10)
    assert cooling.is_long_enough
    with pytest.raises(Refusal, match="120 s"):
        cooling_of(cut(FAN.soak, FAN.soak.at_s < FAN.soak.end_s + 60.0))


def test_power_falls_with_clock_and_voltage() -> None:
    shares = relative_power(np.array([1500e6, 2400e6]), 2400e6, VOLTAGES["pi5"])
    assert shares == pytest.approx([0.428, 1.0], abs=0.001)


def test_a_room_that_somebody_stated_is_used_but_never_taken_for_measured() -> None:
    unknown = simulate(specimen("pi4-fan", 1), Plan(load_s=600.0, has_ambient=False), 1).soak
    stated = replace(unknown, stated_room_c=23.5)
    without, found = (fit(soak, resamples=20) for soak in (unknown, stated))
    assert (without.room_c, without.rise_c, without.is_room_recorded) == (None, None, False)
    assert (found.room_c, found.is_room_recorded) == (23.5, False)
    assert found.rise_c == pytest.approx(found.settled_c.value - 23.5)
    assert found.flaws == without.flaws, "a statement says nothing of the room's moves"


def test_a_thermometer_goes_before_a_statement() -> None:
    assert replace(FAN.soak, stated_room_c=3.0).room_c == pytest.approx(25.0, abs=0.1)
