"""Who runs a farm here: one at a time, known to others, and no trace of a crashed one in the way."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.wire.codec import dumps
from orchestrator import embedded
from orchestrator.config import Settings
from orchestrator.errors import SpecError
from orchestrator.supervisor.clients import has_clients, registered
from orchestrator.supervisor.state import (
    PartState,
    SupervisorState,
    is_running,
    read_state,
    supervisor_lock,
    write_state,
)
from orchestrator.supervisor.supervise import Orders

STATE = SupervisorState(
    pid=4711,
    since_s=1.5,
    is_ready=True,
    parts=(PartState(name="worker", pid=None, since_s=2.0, last_end="exit code 1"),),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir()
    return Settings(home=tmp_path / "home")


def test_a_second_supervisor_is_refused_and_told_who_is_first(settings: Settings) -> None:
    with (
        supervisor_lock(settings, "up"),
        pytest.raises(SpecError, match=rf"up: a farm runs here already \(pid {os.getpid()}"),
        supervisor_lock(settings, "up"),
    ):
        pass
    with supervisor_lock(settings, "up"):
        assert is_running(settings)
    assert not is_running(settings)


def test_what_a_supervisor_says_is_read_by_others(settings: Settings) -> None:
    with supervisor_lock(settings, "up"):
        assert read_state(settings) is None
        write_state(settings, STATE)
        assert read_state(settings) == STATE
        assert embedded.is_ready(settings)
    assert read_state(settings) is None


def test_what_a_crashed_supervisor_left_is_never_what_the_next_one_says(settings: Settings) -> None:
    """A named pipe in its place: whoever reads what was left gets it when the next one has just begun."""
    left, has_read = settings.home / "supervisor.json", threading.Event()
    (settings.home / "supervisor.lock").write_text("4711", encoding="utf-8")
    os.mkfifo(left)

    def begin() -> None:
        with left.open("w", encoding="utf-8") as pipe, supervisor_lock(settings, "up"):
            pipe.write(dumps(STATE))
            pipe.close()
            has_read.wait()

    with ThreadPoolExecutor() as pool:
        next_one = pool.submit(begin)
        said = read_state(settings)
        if said is None:
            left.read_bytes()  # nobody did: the next one waits for it
        has_read.set()
        next_one.result()
    assert said is None


def test_what_a_crashed_supervisor_left_counts_for_nothing(settings: Settings) -> None:
    (settings.home / "supervisor.lock").write_text("4711", encoding="utf-8")
    write_state(settings, STATE)
    assert not is_running(settings)
    assert read_state(settings) is None
    with supervisor_lock(settings, "up"):
        assert not embedded.is_ready(settings), "the new one is not ready because the old one was"


def test_a_state_of_another_version_is_none(settings: Settings) -> None:
    with supervisor_lock(settings, "up"):
        (settings.home / "supervisor.json").write_text('{"pid": 1, "mood": "good"}', encoding="utf-8")
        assert read_state(settings) is None


def test_a_client_counts_while_it_waits_and_a_crashed_one_never(settings: Settings) -> None:
    assert not has_clients(settings)
    with registered(settings):
        assert has_clients(settings)
    (settings.home / "clients" / "4711-1").touch()
    assert not has_clients(settings)
    assert list((settings.home / "clients").iterdir()) == []


@pytest.mark.parametrize(
    ("numbers", "ends"),
    [
        ([signal.SIGINT], False),
        ([signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGTERM], False),
        ([signal.SIGHUP, signal.SIGTERM], False),
        ([signal.SIGINT, signal.SIGINT], True),
        ([signal.SIGTERM, signal.SIGINT], True),
    ],
)
def test_only_a_ctrl_c_after_the_order_to_drain_ends_at_once(numbers: list[int], ends: bool) -> None:
    orders = Orders()
    for number in numbers:
        orders.take(number)
    assert orders.drain.is_set()
    assert orders.end.is_set() is ends
