"""A heartbeat is young while work is done, old when it stops, and never anybody else's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.heartbeat import EVERY_S, OLD_S, Heartbeat


@pytest.fixture
def heartbeat(tmp_path: Path) -> Iterator[Heartbeat]:
    """One that has begun and not beaten yet."""
    heartbeat = Heartbeat(file=tmp_path / "heartbeats" / "worker@here")
    with heartbeat.begun():
        yield heartbeat


def test_before_the_first_beat_there_is_none(heartbeat: Heartbeat) -> None:
    assert heartbeat.age_s() is None


def test_after_a_beat_its_age_is_the_time_since(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    touched_at_s = heartbeat.file.stat().st_mtime
    assert heartbeat.age_s(touched_at_s + 42.0) == pytest.approx(42.0)
    age_s = heartbeat.age_s()
    assert age_s is not None
    assert age_s < 60


@pytest.mark.parametrize(("later_s", "touches"), [(EVERY_S - 0.1, False), (EVERY_S, True), (-1.0, True)])
def test_the_file_is_touched_once_in_ten_seconds_or_where_the_clock_stepped_back(
    heartbeat: Heartbeat, later_s: float, touches: bool
) -> None:
    heartbeat.file.touch()
    os.utime(heartbeat.file, (1000.0, 1000.0))
    heartbeat.beat(now_s=1000.0 + later_s)
    assert (heartbeat.file.stat().st_mtime > 1000.0) is touches


def test_a_process_that_begins_forgets_what_its_forerunner_left(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    with heartbeat.begun():
        assert heartbeat.age_s() is None


def test_an_orderly_end_is_told_at_once(heartbeat: Heartbeat) -> None:
    with heartbeat.begun():
        heartbeat.beat()
    assert heartbeat.age_s() is None


def test_what_a_host_left_that_is_long_gone_is_swept_and_its_neighbours_stay(heartbeat: Heartbeat) -> None:
    gone, neighbour = (heartbeat.file.with_name(name) for name in ("worker@gone", "worker@neighbour"))
    for file, at_s in ((gone, 0.0), (neighbour, 10.0)):
        file.touch()
        os.utime(file, (at_s, at_s))
    with heartbeat.begun(now_s=OLD_S + 5.0):
        assert not gone.exists()
        assert neighbour.exists()


def test_worker_and_tick_of_a_host_have_their_own(tmp_path: Path) -> None:
    worker, tick = Heartbeat.of(tmp_path, "worker"), Heartbeat.of(tmp_path, "tick")
    with worker.begun():
        worker.beat()
        assert worker.age_s() is not None
        assert tick.age_s() is None
        assert Heartbeat.of(tmp_path, "worker").age_s() is not None, "another process finds it by the same name"


def test_the_folder_is_for_its_owner_alone(heartbeat: Heartbeat) -> None:
    assert heartbeat.file.parent.stat().st_mode & 0o777 == 0o700
