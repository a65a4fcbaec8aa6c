"""A run under way, in words."""

import dataclasses

from orchestrator.queries.progress import RunProgress
from orchestrator.text.progress_text import newest, standing

SOAKING = RunProgress(
    phase="window",
    for_s=250.0,
    last_age_s=32.0,
    temperature_c=71.2,
    clock_hz=1.5e9,
    latency_ms=231.4,
    inferences=1083,
    ends_in_s=960.0,
    planned_s=1962.0,
    lines=40,
)


def test_a_soak_says_phase_time_left_and_the_newest_values_with_their_age() -> None:
    assert standing(SOAKING) == (
        "measuring for 4 min 10 s, about 16 min 00 s left; "
        "newest values 32 s ago: 71.2 °C, 1500 MHz, 231 ms, 1,083 inferences"
    )


def test_before_anything_has_come_it_says_so() -> None:
    waiting = dataclasses.replace(SOAKING, phase="gate", last_age_s=None, ends_in_s=None, inferences=0)
    assert standing(waiting) == "at the gate for 4 min 10 s; nothing has come yet"
    assert standing(dataclasses.replace(waiting, phase=None, for_s=None)).startswith("on its way to the board; ")


def test_a_run_that_is_late_is_not_promised_for_later() -> None:
    assert "ought to end now" in standing(dataclasses.replace(SOAKING, ends_in_s=0.0))


def test_a_board_without_sensors_tells_its_latency_alone() -> None:
    blind = dataclasses.replace(SOAKING, temperature_c=None, clock_hz=None)
    assert newest(blind) == "newest values 32 s ago: 231 ms, 1,083 inferences"
