"""When a board slowed down and why, by three witnesses; and time to throttle over repeats."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.thermal_truth.soaks import Plan, simulate, specimen
from orchestrator.analysis.thermal.curve import Soak, soak_of
from orchestrator.analysis.thermal.onset import Cause, onset_of
from orchestrator.analysis.thermal.survival import survival_of
from tests.orchestrator.analysis import clean_run

BARE = simulate(specimen("pi4-bare", 1), Plan(load_s=500.0), 1)
COOL = simulate(specimen("pi4-fan", 1), Plan(load_s=300.0), 1)


def test_a_bare_board_throttles_when_its_bit_says_so_and_by_heat() -> None:
    onset = onset_of(BARE.soak)
    assert BARE.first_live_s is not None and onset.at_s == pytest.approx(BARE.first_live_s, abs=2.0)
    assert (onset.cause, onset.is_censored, onset.missing) == (Cause.THERMAL, False, ())
    assert onset.by_clock_s is not None and onset.by_latency_s is not None and onset.agree is not None


def test_a_cool_board_is_censored_at_the_end_of_its_load() -> None:
    onset = onset_of(COOL.soak)
    assert (onset.at_s, onset.cause, onset.agree, onset.is_censored) == (None, Cause.NONE, None, True)
    assert onset.known_until_s == pytest.approx(300.0, abs=1.0)


@pytest.mark.parametrize(
    ("plan", "cause"),
    [
        (Plan(load_s=300.0, brown_out_s=100.0), Cause.POWER),
        (Plan(load_s=300.0, guest_s=100.0), Cause.BACKGROUND),
    ],
)
def test_what_slows_a_cool_board_is_told(plan: Plan, cause: Cause) -> None:
    assert onset_of(simulate(specimen("pi4-fan", 1), plan, 1).soak).cause is cause


def changed(soak: Soak, from_s: float, clock_hz: float, requested_hz: float | None = None) -> Soak:
    """A soak with another clock from a moment on, until the load ends."""
    late = (soak.at_s >= from_s) & soak.is_loaded
    asked_hz = soak.requested_hz if requested_hz is None else np.where(late, requested_hz, soak.requested_hz)
    return replace(soak, clock_hz=np.where(late, clock_hz, soak.clock_hz), requested_hz=asked_hz)


def test_a_lower_clock_that_was_asked_for_is_a_cap_and_a_cold_one_that_was_not_is_a_contradiction() -> None:
    capped = changed(COOL.soak, 100.0, clock_hz=1.0e9, requested_hz=1.0e9)
    assert onset_of(capped).cause is Cause.CAP
    assert onset_of(changed(COOL.soak, 100.0, clock_hz=1.0e9)).cause is Cause.DISAGREE


def test_what_was_not_read_is_named() -> None:
    nothing = np.full(len(COOL.soak.at_s), np.nan)
    unread = replace(COOL.soak, bits=np.full(len(nothing), -1), die_c=nothing, clock_hz=nothing)
    assert set(onset_of(unread).missing) == {"throttled", "clock_hz", "die_c"}


def test_a_run_becomes_a_soak_that_starts_with_its_first_inference() -> None:
    facts = clean_run.run().facts()
    soak = soak_of(facts)
    assert (soak.starts_s[0], soak.board_type) == (0.0, "pi5")
    assert float(soak.busy()[soak.is_loaded][5]) > 0.95
    assert np.allclose(soak.mean_over_inferences(np.full(len(soak.at_s), 50.0)), 50.0)


def test_temperature_is_averaged_over_each_inference() -> None:
    soak = replace(COOL.soak, starts_s=np.array([10.0, 20.5]), durations_s=np.array([10.0, 1.0]))
    assert soak.mean_over_inferences(soak.at_s) == pytest.approx([15.0, 21.0])


def test_survival_is_kaplan_and_meiers_with_greenwoods_band() -> None:
    # by hand: 4/5, then 4/5 x 2/3; Greenwood 1/20 and 1/20 + 1/6
    curve = survival_of([(10.0, True), (15.0, False), (20.0, True), (30.0, False), (40.0, False)])
    assert [step.share for step in curve.steps] == pytest.approx([0.8, 0.8 * 2 / 3])
    half = 1.959964 * math.sqrt(1 / 20) / abs(math.log(0.8))
    assert curve.steps[0].low == pytest.approx(0.8 ** math.exp(half), rel=1e-5)
    assert (curve.median_s, curve.events, curve.censored) == (None, 2, 3)
    assert survival_of([(10.0, True), (20.0, True)]).median_s == 10.0
