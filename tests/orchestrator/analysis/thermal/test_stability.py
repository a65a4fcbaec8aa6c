"""Windows, energy and elasticity of soaks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.thermal_truth.soaks import Plan, simulate, specimen
from orchestrator.analysis.thermal.elasticity import elasticity_of
from orchestrator.analysis.thermal.energy import energy_of
from orchestrator.analysis.thermal.onset import onset_of
from orchestrator.analysis.thermal.stability import residency_of, stability_of, windows_of

PI5 = simulate(specimen("pi5-bare", 1), Plan(load_s=600.0, latency_s=0.5), 1).soak
SLOW = simulate(specimen("pi4-fan", 1), Plan(latency_s=9.0), 1).soak


def test_windows_have_thirty_seconds_and_twenty_inferences() -> None:
    for soak in (PI5, SLOW):
        for window in windows_of(soak):
            assert window.inferences >= 20 and window.to_s - window.from_s >= 30.0


def test_a_slow_model_on_a_cool_board_is_steady_and_a_throttled_one_is_not() -> None:
    steady = stability_of(SLOW, onset_of(SLOW))
    assert steady.is_steady and steady.sustained_ratio == pytest.approx(1.0, abs=0.02)
    throttled = stability_of(PI5, onset_of(PI5))
    assert throttled.is_steady is False and throttled.stability is not None and throttled.worst_best is not None
    assert throttled.worst_best <= throttled.stability < 0.9
    assert throttled.sustained_ratio is not None and throttled.sustained_ratio < 0.9


def test_the_clocks_residency_adds_up_and_time_throttled_is_told_twice() -> None:
    residency = residency_of(PI5, (0.0, 1.5e9, 2.0e9, 2.35e9))
    assert residency.shares is not None and sum(share for _, share in residency.shares) == pytest.approx(1.0)
    assert residency.throttled_by_bits_s is not None and residency.throttled_by_bits_s > 400.0
    blind = replace(PI5, clock_hz=np.full(len(PI5.at_s), np.nan))
    assert residency_of(blind, (0.0,)).throttled_by_clock_s is None


def test_energy_is_gross_and_net_where_power_was_measured_and_null_elsewhere() -> None:
    energy = energy_of(PI5)
    assert energy.gross_j is not None and energy.net_j is not None and energy.load_w is not None
    mean_s = float(PI5.durations_s.mean())
    assert energy.gross_j.value == pytest.approx(energy.load_w * mean_s, rel=0.01)
    assert 0.0 < energy.net_j.value < energy.gross_j.value
    assert energy_of(PI5, is_same_governor=False).net_j is None
    assert energy_of(SLOW).gross_j is None and "power" in energy_of(SLOW).why


def test_elasticity_is_the_share_that_the_clock_decides_and_null_where_the_clock_stood() -> None:
    found = elasticity_of(PI5, resamples=50)
    # four fifths of the time follow the clock, so the slope lies between 0.8 and what it is at the lowest clock
    assert found.to_clock is not None and 0.78 <= found.to_clock.value <= 0.88
    stood = elasticity_of(SLOW, resamples=50)
    assert stood.to_clock is None and any("clock" in words for words in stood.why)
