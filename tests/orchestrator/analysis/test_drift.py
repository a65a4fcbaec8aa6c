"""Drift: a real one is found with its size and sign, noise alone is not taken for one."""

import numpy as np
import pytest

from orchestrator.analysis.drift import Drift, drift_of
from tests.orchestrator.analysis.clean_run import Integers, latencies


def measured(durations: Integers) -> Drift:
    return drift_of(np.cumsum(durations), durations)


@pytest.mark.parametrize("change", [-0.06, 0.06])
def test_a_steady_change_is_found_with_its_size_and_sign(change: float) -> None:
    durations = latencies(samples=300)
    drift = measured((durations * np.linspace(1, 1 + change, 300)).astype(np.int64))
    assert drift.theil_sen == pytest.approx(change, abs=0.012)
    assert drift.is_beyond(0.02)


def test_the_same_latencies_give_the_same_answer() -> None:
    one, other = measured(latencies(5)), measured(latencies(5))
    assert (one.theil_sen, one.standard_error()) == (other.theil_sen, other.standard_error())


@pytest.mark.parametrize(
    ("samples", "sigma", "ar"), [(20, 0.015, 0.0), (20, 0.015, 0.5), (200, 0.01, 0.5), (2000, 0.015, 0.0)]
)
def test_noise_alone_is_no_drift(samples: int, sigma: float, ar: float) -> None:
    alarms = [measured(latencies(seed, samples=samples, sigma=sigma, ar=ar)).is_beyond(0.02) for seed in range(60)]
    assert np.mean(alarms) <= 0.05


def test_one_slow_stretch_in_the_middle_is_no_drift() -> None:
    durations = latencies(samples=300)
    durations[120:160] = durations[120:160] * 1.2
    assert not measured(durations).is_beyond(0.02)


def test_constant_latency_has_no_drift() -> None:
    assert measured(np.full(30, 10_000_000, np.int64)).theil_sen == 0
