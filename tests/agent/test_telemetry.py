"""Telemetry in memory: columns of equal length, drained in order, with what the rules need to know."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.sensors import Sensor, SensorSet
from agent.telemetry import CHUNK, Sampler


def given(values: list[float | None]) -> Callable[[], float | None]:
    """A sensor that gives these values in turn, then nothing."""
    turns: Iterator[float | None] = iter(values)
    return lambda: next(turns, None)


def sampler(rss: list[int | None] | None = None, **sensors: Sensor[float]) -> Sampler:
    """A sampler of some sensors, whose child has these memory sizes."""
    sizes = iter(rss or [])
    return Sampler(SensorSet(**sensors), time.monotonic_ns(), lambda: next(sizes, None))  # type: ignore[arg-type]  # by name


def test_samples_become_columns() -> None:
    made = sampler([100, 200], temperature_c=Sensor("zone", given([50.0, 51.0])))
    made.sample()
    made.sample()
    (record,) = made.drain()
    assert record.temperature_c == (50.0, 51.0)
    assert record.rss_bytes == (100, 200)
    assert record.clock_hz == (None, None)
    assert 0 < record.at_ns[0] < record.at_ns[1]


def test_a_drain_takes_everything_once() -> None:
    made = sampler()
    for _ in range(CHUNK + 3):
        made.sample()
    assert made.pending == CHUNK + 3
    assert [len(record.at_ns) for record in made.drain()] == [CHUNK, 3]
    assert made.drain() == [] and made.pending == 0


def test_the_most_memory_is_remembered_beyond_a_drain_and_a_death() -> None:
    made = sampler([100, 300, 200, None])
    for _ in range(4):
        made.sample()
        made.drain()
    assert made.peak_rss_bytes == 300


def test_without_a_child_no_memory_is_known() -> None:
    made = sampler([None])
    made.sample()
    assert made.peak_rss_bytes is None


def test_bits_that_come_once_a_second_are_still_known_between_two_but_recorded_once() -> None:
    made = sampler(throttled=Sensor("vcgencmd", given([4, None])))
    readings = [made.sample() for _ in range(2)]
    assert [reading.throttled for reading in readings] == [4, 4]
    assert made.drain()[0].throttled == (4, None)


def test_the_next_look_is_due_after_a_period() -> None:
    made = sampler()
    assert made.is_due
    made.set_period(60.0)
    made.sample()
    assert not made.is_due
    assert made.next_ns - time.monotonic_ns() == pytest.approx(60e9, rel=0.01)


def test_a_shorter_period_does_not_wait_for_the_longer_one_to_pass() -> None:
    made = sampler()
    made.set_period(60.0)
    made.sample()
    made.set_period(0.5)
    assert made.next_ns - time.monotonic_ns() <= 0.5e9


def test_a_late_look_does_not_make_the_next_ones_come_in_a_burst() -> None:
    made = sampler()
    made.set_period(0.5)
    made.next_ns = time.monotonic_ns() - 10_000_000_000
    made.sample()
    assert made.next_ns > time.monotonic_ns()
