"""The burner's processes: how many are awake for a duty."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.burner import BurnerProcesses


@contextmanager
def burner() -> Iterator[BurnerProcesses]:
    """A burner that is gone afterwards."""
    made = BurnerProcesses()
    try:
        yield made
    finally:
        made.end()


@pytest.mark.parametrize("duty", [0.0, 0.3, 0.5, 1.0])
def test_over_some_calls_a_duty_is_kept_though_cores_are_whole(duty: float) -> None:
    cores = os.cpu_count() or 1
    busy = 0
    with burner() as made:
        for _ in range(20):
            made.set(duty)
            busy += made.busy
    assert abs(busy - duty * cores * 20) <= 1


def test_a_duty_of_nothing_stops_what_burns_and_owes_nothing() -> None:
    with burner() as made:
        made.set(1.0)
        assert made.busy == (os.cpu_count() or 1)
        made.set(0.0)
        assert made.busy == 0
        pids = made.pids
    assert made.pids == [] and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_burner_that_was_told_to_stand_does_not_run_any_more_and_goes_on_when_told() -> None:
    with burner() as made:
        for _ in range(3):
            made.set(1.0)
            assert made.stand() > 0
            assert made.busy == 0
            assert {_state(pid) for pid in made.pids} == {"T"}
        made.set(1.0)
        assert "T" not in {_state(pid) for pid in made.pids}


def test_a_burner_of_which_a_process_was_killed_stands_all_the_same() -> None:
    with burner() as made:
        made.set(1.0)
        os.kill(made.pids[0], signal.SIGKILL)
        made.stand()
        assert made.busy == 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
