"""What one paced step showed: held, throttled, too slow, or on its way to throttling; and what was not checked."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pace_truth.steps import paced_run, true_rate
from benchmarks.thermal_truth.soaks import specimen
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rate_search import Search, Step, StepAnswer, StepFound
from orchestrator.analysis.thermal.curve import soak_of
from orchestrator.analysis.thermal.step import step_of, was_throttled
from orchestrator.protocols import preset

SEARCH = Search(step_s=500.0)
BARE, FAN = specimen("pi4-bare", 1), specimen("pi4-fan", 1)
LATENCY_S = 0.5


@functools.cache
def paced(share: float) -> RunFacts:
    """A bare Pi 4 at a share of the rate that it holds for ever."""
    rate = share * true_rate(BARE, LATENCY_S)
    return paced_run(BARE, SEARCH, rate, SEARCH.step_s, LATENCY_S, 1)


def aim_of(share: float, found: StepFound) -> float:
    """Where such a step says that the limit is, over the truth."""
    step = Step(rate_per_s=share * true_rate(BARE, LATENCY_S), is_long=False, found=found)
    assert step.aim_per_s is not None
    return step.aim_per_s / true_rate(BARE, LATENCY_S)


def test_a_rate_well_below_the_limit_is_held_for_ever() -> None:
    found = step_of(paced(0.6))
    assert (found.answer, found.is_for_ever, found.deadlines, found.missed) == (StepAnswer.HELD, True, "held", 0)
    assert found.settled_c is not None and found.settled_c < 75.0
    assert found.service_s == pytest.approx(LATENCY_S, rel=0.01)
    assert found.room_c == pytest.approx(25.0, abs=0.1) and found.unsure == ()
    assert aim_of(0.6, found) == pytest.approx(1.0, abs=0.08)


def test_a_rate_above_the_limit_is_not_held_though_the_board_keeps_up_with_it() -> None:
    found = step_of(paced(1.2))
    assert found.answer in (StepAnswer.THROTTLED, StepAnswer.WOULD_THROTTLE)
    assert not found.is_for_ever
    assert aim_of(1.2, found) == pytest.approx(1.0, abs=0.08)


def test_a_rate_beyond_its_speed_misses_deadlines_however_cool_it_stays() -> None:
    found = step_of(paced_run(FAN, Search(step_s=200.0), 1.2 / LATENCY_S, 200.0, LATENCY_S, 1))
    assert (found.answer, found.deadlines) == (StepAnswer.MISSED, "not held")


def test_without_sensors_a_rate_is_held_for_the_time_of_the_step_and_it_is_said_what_was_not_read() -> None:
    facts = paced(0.6)
    blind = replace(
        facts.telemetry,
        floats={name: np.full(len(facts.telemetry.at_ns), np.nan) for name in facts.telemetry.floats},
        integers={
            name: replace(series, is_present=np.zeros(len(series.values), np.bool_))
            for name, series in facts.telemetry.integers.items()
        },
    )
    found = step_of(replace(facts, telemetry=blind))
    assert (found.answer, found.is_for_ever, found.settled_c) == (StepAnswer.HELD, False, None)
    assert found.unsure[:2] == ("throttle bits were not read", "the true clock was not read")
    assert found.unsure[2].startswith("no thermal fit: ")


def test_a_clock_that_nobody_asked_for_between_inferences_is_no_throttling() -> None:
    soak = soak_of(paced(0.6))
    idle = np.arange(len(soak.at_s)) // 2 % 2 == 0
    slow_hz = np.where(idle, 0.6e9, soak.clock_hz)
    assert was_throttled(replace(soak, clock_hz=slow_hz))
    assert not was_throttled(replace(soak, clock_hz=slow_hz, requested_hz=np.where(idle, 0.6e9, soak.requested_hz)))


def test_a_run_without_a_pace_is_no_step() -> None:
    with pytest.raises(ValueError, match=r"protocol\.pace: expected one"):
        step_of(replace(paced(0.6), protocol=preset("sustained").protocol))
