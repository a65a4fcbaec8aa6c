"""A health check says that a part is well when it does its work, and only then."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from orchestrator import health
from orchestrator.config import Settings
from orchestrator.health import STALE_S, Health, Part
from orchestrator.heartbeat import Heartbeat
from orchestrator.simulator.farm import simulated_boards


@pytest.fixture
def heartbeat(tmp_path: Path) -> Iterator[Heartbeat]:
    """One that has begun and not beaten yet."""
    heartbeat = Heartbeat(file=tmp_path / "heartbeats" / "part@here")
    with heartbeat.begun():
        yield heartbeat


def make_old(heartbeat: Heartbeat, age_s: float) -> None:
    """Move the last beat into the past."""
    heartbeat.beat()
    then_s = heartbeat.file.stat().st_mtime - age_s
    os.utime(heartbeat.file, (then_s, then_s))


def never(*_: object) -> None:
    raise AssertionError("nobody should have been rung for")


def test_a_tick_that_ticks_is_well(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert health.health_of_tick(heartbeat).is_well


def test_a_tick_that_never_ticked_is_not_well(heartbeat: Heartbeat) -> None:
    assert health.health_of_tick(heartbeat) == Health(is_well=False, message="no heartbeat yet")


def test_a_tick_that_stopped_is_not_well(heartbeat: Heartbeat) -> None:
    make_old(heartbeat, STALE_S + 5)
    found = health.health_of_tick(heartbeat)
    assert not found.is_well
    assert "the last tick went out 45 s ago" in found.message


def test_a_worker_that_works_is_well_and_is_not_rung_for(heartbeat: Heartbeat) -> None:
    make_old(heartbeat, STALE_S - 5)
    assert health.health_of_worker(heartbeat, never, never).is_well


@pytest.mark.parametrize("forget", [True, False], ids=["no task yet", "no task lately"])
def test_an_idle_worker_without_a_tick_is_well_if_it_answers_a_ring(heartbeat: Heartbeat, forget: bool) -> None:
    make_old(heartbeat, STALE_S + 5)
    if forget:
        heartbeat.file.unlink()
    rung: list[str] = []

    def work(_: float) -> None:
        Heartbeat(file=heartbeat.file).beat()

    assert health.health_of_worker(heartbeat, lambda: rung.append("ring"), work).is_well
    assert rung == ["ring"]


def test_a_worker_that_does_not_answer_is_not_well(heartbeat: Heartbeat) -> None:
    waited: list[float] = []
    found = health.health_of_worker(heartbeat, lambda: None, waited.append)
    assert not found.is_well
    assert "no task was done for 5 s after a ring" in found.message
    assert sum(waited) == pytest.approx(health.ANSWER_S)


class Answering(BaseHTTPRequestHandler):
    """A server that is well, or says that it is not."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/_stcore/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Failing(Answering):
    status = 503


@contextmanager
def serving(handler: type[Answering]) -> Iterator[int]:
    """The port of a server, until the block ends."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.integration
def test_a_dashboard_that_answers_is_well() -> None:
    with serving(Answering) as port:
        assert health.health_of_dashboard(port).is_well


@pytest.mark.integration
def test_a_dashboard_that_fails_is_not_well() -> None:
    with serving(Failing) as port:
        assert not health.health_of_dashboard(port).is_well


@pytest.mark.integration
def test_a_dashboard_that_is_not_there_is_not_well() -> None:
    with serving(Answering) as port:
        pass
    assert not health.health_of_dashboard(port).is_well


def announce(folder: Path, port: int) -> Path:
    """A boards.json that names one board at a port of loopback."""
    file = folder / "boards.json"
    file.write_text(json.dumps([{"name": "pi5", "ssh": f"pi@127.0.0.1:{port}"}]))
    return file


def test_simulated_boards_that_answer_are_well_and_switched_off_they_are_not(tmp_path: Path) -> None:
    with simulated_boards(tmp_path, ["pi5-active-cooler", "pi4-heatsink"], []):
        assert health.health_of_boards(tmp_path / "boards.json") == Health(is_well=True, message="2 answer")
    assert not health.health_of_boards(tmp_path / "boards.json").is_well


def test_something_else_at_a_boards_port_is_not_a_board(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        found = health.health_of_boards(announce(tmp_path, server.getsockname()[1]))
        thread.join()
    assert not found.is_well
    assert "pi5: expected an SSH server" in found.message


@pytest.mark.parametrize("content", [None, "[]"], ids=["no file", "no board"])
def test_a_simulator_that_has_not_started_is_not_well(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "boards.json").write_text(content)
    assert not health.health_of_boards(tmp_path / "boards.json").is_well


@pytest.mark.integration
def test_each_part_is_looked_for_where_the_settings_say(tmp_path: Path) -> None:
    with serving(Answering) as port:
        settings = Settings(home=tmp_path, dashboard_port=port, broker_url="redis://127.0.0.1:1/0")
        settings.heartbeats_dir.mkdir()
        for part in ("worker", "tick"):
            Heartbeat.of(settings.heartbeats_dir, part).beat()
        with simulated_boards(settings.simulated_dir, ["pi5-bare"], []):
            assert [health.look_at(part, settings).is_well for part in Part] == [True] * 4


@pytest.mark.parametrize(("beats", "code", "said"), [(True, 0, "tick: well"), (False, 1, "tick: NOT WELL: no heart")])
def test_the_exit_code_says_it_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    beats: bool,
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("PIFARM_HOME", str(tmp_path))
    if beats:
        (tmp_path / "heartbeats").mkdir()
        Heartbeat.of(tmp_path / "heartbeats", "tick").beat()
    assert health.main(["tick"]) == code
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize("arguments", [[], ["broker"], ["tick", "worker"]])
def test_another_part_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        health.parse(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err
