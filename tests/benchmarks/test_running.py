"""A tiny run of what needs no farm: the two loops, the agent's cost, the relay, the watch for claims."""

import argparse
import dataclasses
import json
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import agent_cost, overhead, push
from benchmarks.command import CannotMeasureError
from benchmarks.processes import cpu_s, peak_rss_mb, rss_mb
from benchmarks.relay import counting_relay
from benchmarks.trace import ClaimWatch

TINY = dataclasses.replace(overhead.CASES[0], channels=2, size=8, warm_up=2, count=20)


@pytest.mark.integration
def test_agent_and_bare_loop_are_timed_over_the_same_work(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board/board.json").write_text(json.dumps({"lock": str(tmp_path / "lock")}))
    ratio, medians = overhead.measure_case(TINY, tmp_path, pairs=1, within_s=30.0)
    assert ratio.ours.count == 1 and ratio.is_met is None
    assert medians.ours.center > 0
    assert not list((tmp_path / "board/runs").iterdir()), "the board forgets what was measured"


@pytest.mark.integration
def test_a_bare_loop_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CannotMeasureError, match=r"nowhere\.onnx"):
        overhead.run_bare(tmp_path / "nowhere.onnx", 1, 1)


@pytest.mark.integration
def test_the_agents_cost_is_read_while_it_measures(tmp_path: Path) -> None:
    (costs,) = agent_cost.measure_place(tmp_path, rounds=1, seconds=0.3)
    assert set(costs) == set(agent_cost.PERIODS_S)
    assert all(0 <= cost.own_percent < 100 and 5 < cost.rss_mb <= cost.peak_rss_mb + 0.1 for cost in costs.values())


@pytest.mark.ssh
def test_a_file_is_pushed_beside_scp_and_then_not_again(sshd: Path) -> None:
    options = argparse.Namespace(pairs=1, megabytes=1, minutes=1.0)
    ratio, times, of_the_file, at_the_socket = push.measure(options)
    assert ratio.ours.count == times.ours.count == 1
    assert of_the_file.ours.center == 0
    assert 1000 < at_the_socket.ours.center < 50_000


def test_a_process_uses_the_time_that_it_burns() -> None:
    own = psutil.Process()
    before_s, burnt_s = cpu_s(own), time.thread_time() + 0.05
    while time.thread_time() < burnt_s:
        pass
    assert cpu_s(own) - before_s >= 0.04
    assert 5 < rss_mb(own) <= peak_rss_mb(own) + 1


def test_a_relay_counts_what_goes_to_the_server_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                while piece := peer.recv(65536):
                    peer.sendall(piece * 2)

        thread = threading.Thread(target=answer)
        thread.start()
        with counting_relay(*server.getsockname()) as relay, socket.create_connection(("127.0.0.1", relay.port)) as end:
            end.sendall(b"x" * 1000)
            end.shutdown(socket.SHUT_WR)
            heard = sum(len(piece) for piece in iter(lambda: end.recv(65536), b""))
        thread.join()
    assert (relay.sent_bytes, heard) == (1000, 2000)


def test_a_claim_is_noted_while_its_folder_is_there(tmp_path: Path) -> None:
    watch = ClaimWatch(tmp_path)
    (tmp_path / ".new-1").mkdir()
    (tmp_path / ".new-1/claim.json").write_text('{"origin_ns": 1}')
    (tmp_path / "run.1").mkdir()
    (tmp_path / "run.1/claim.json").write_text("{")
    watch.look()
    assert watch.origins_ns == {}
    (tmp_path / "run.1/claim.json").write_text('{"origin_ns": 7, "agent": {}}')
    watch.look()
    (tmp_path / "run.1/claim.json").unlink()
    watch.look()
    assert watch.origins_ns == {"run.1": 7}


def test_a_cargo_is_always_the_same_bytes(tmp_path: Path) -> None:
    first, second = (push.make_cargo(tmp_path / name, 1000) for name in ("a", "b"))
    assert first.sha256 == second.sha256
    assert first.path.stat().st_size == 1000
