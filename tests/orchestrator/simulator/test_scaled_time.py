"""A simulated board whose clock runs faster: a real agent soaks it for twenty minutes in less than one."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.wire.answers import Answer, RunState, Status
from agent.wire.codec import dumps, loads
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Ended, Environment, Inferences, Outcome, Phase, Record, Telemetry
from agent.wire.spec import Gate, Limits, Protocol, Regime, RunSpec, WarmUp, Window
from orchestrator.boards.bundle import build_bundle
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.simulator.load import RunLoad
from orchestrator.simulator.scaled_time import ScaledClock
from orchestrator.simulator.scenario import Scenario
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport
from tests.agent.specs import make_spec

SCALE = 60.0
SOAK_S = 1200.0
LATENCY_MS = 500.0
SUSTAINED = Protocol(
    name="soak",
    regime=Regime.SUSTAINED,
    gate=Gate(timeout_s=30.0, live_bits_clear=False),
    warm_up=WarmUp(min_inferences=0, min_s=0.0),
    window=Window(min_inferences=1, min_s=SOAK_S, max_s=SOAK_S),
    telemetry_period_s=1.0,
    recorded_cooling_s=120.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A scaled board, and the way to it."""

    board: SimulatedBoard
    way: SshTransport
    bundle_hash: str

    def ask(self, *arguments: str, stdin: bytes = b"") -> tuple[Answer, bytes]:
        """A command of the agent, by the interpreter that board.json names."""
        python = json.loads((self.board.home / ".pifarm/board.json").read_text())["python"]
        command = [python, "-I", f"bundles/{self.bundle_hash}.pyz", arguments[0], "--home", ".", *arguments[1:]]
        line, _, journal = self.way.run(command, stdin=stdin).stdout.partition(b"\n")
        return loads(Answer, line), journal


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A bare Pi 4 at 60 times the host's clock."""
    key = FarmKey.in_folder(tmp_path / "key")
    scenario = Scenario(time_scale=SCALE, room_c=25.0, seed=3)
    with simulated_boards(tmp_path / "boards", ["pi4-bare"], [key.public_line], scenario=scenario) as (board,):
        folder = board.home / ".pifarm"
        bundle = build_bundle(folder / "bundles")
        model = folder / "artifacts" / make_spec().artifact_id / "model.onnx"
        model.parent.mkdir(parents=True)
        model.write_bytes(b"stands in for a model")
        way = SshTransport(board.address, key_file=key.private_file, host_key=str(board.host_key))
        yield Shelf(board=board, way=way, bundle_hash=bundle.hash)
        way.close()


def soak_spec(shelf: Shelf) -> RunSpec:
    """Inference at full load, from which the board throttles within the soak."""
    return make_spec(
        bundle_hash=shelf.bundle_hash,
        protocol=SUSTAINED,
        limits=Limits(wall_s=7200, journal_bytes=4 * 2**20),
        runtime_options={"median_ms": LATENCY_MS, "busy": 1.0},
    )


def run(shelf: Shelf, spec: RunSpec) -> list[Record]:
    """Start a run and come back, as often as the board says, until it has ended; its records."""
    shelf.ask("start", "--wait-s", "300", stdin=dumps(spec).encode())
    where, journal = ("--run", spec.run_id, "--attempt", "1"), b""
    while True:
        answer, part = shelf.ask("status", *where, "--from", str(len(journal)))
        assert answer.status is not None
        journal += part
        if answer.status.state is not RunState.ACTIVE and answer.status.next_report_in_s is None:
            return [record for _, record in read_lines(journal, Cursor())]
        subprocess.run(["sleep", str(answer.status.next_report_in_s or 0.1)], check=True)


def series(records: Sequence[Record], name: str) -> list[tuple[float, float]]:
    """(second, value) of one series of telemetry."""
    chunks = [record for record in records if isinstance(record, Telemetry)]
    pairs = [pair for chunk in chunks for pair in zip(chunk.at_ns, getattr(chunk, name), strict=True)]
    return [(at_ns / 1e9, value) for at_ns, value in pairs if value is not None]


@pytest.mark.integration
@pytest.mark.ssh
def test_a_soak_of_twenty_minutes_takes_seconds_and_is_marked(shelf: Shelf) -> None:
    records = run(shelf, soak_spec(shelf))
    end = next(record for record in records if isinstance(record, Ended))
    assert end.outcome is Outcome.COMPLETED, end
    facts = next(record.facts for record in records if isinstance(record, Environment))
    assert (facts["simulated"], facts["time_scale"]) == (True, SCALE)

    window = [record for record in records if isinstance(record, Inferences) and record.phase is Phase.WINDOW]
    starts_ns = [start for record in window for start in record.starts_ns]
    durations_ns = [duration for record in window for duration in record.durations_ns]
    assert starts_ns[-1] + durations_ns[-1] - starts_ns[0] == pytest.approx(SOAK_S * 1e9, rel=0.01)
    at_s = [at for at, _ in series(records, "temperature_c")]
    assert 0.7 < statistics.median(later - earlier for earlier, later in pairwise(at_s)) < 2.0

    hottest_c = max(value for _, value in series(records, "temperature_c"))
    assert 80.0 <= hottest_c < 86.0
    assert any(int(bits) & 0x8 for _, bits in series(records, "throttled"))
    early, late = durations_ns[2 : len(durations_ns) // 10], durations_ns[-len(durations_ns) // 10 :]
    assert statistics.median(early) == pytest.approx(LATENCY_MS * 1e6, rel=0.1)
    assert statistics.median(late) > 1.1 * statistics.median(early), "the clock fell, so the call became slower"


@pytest.mark.integration
@pytest.mark.ssh
def test_nothing_real_can_be_measured_by_a_clock_that_runs_faster(shelf: Shelf) -> None:
    answer, _ = shelf.ask("probe", "--runtime", "onnxruntime")
    assert answer.probe is not None
    assert answer.probe.runtimes == {}
    assert "onnxruntime" in answer.probe.unsupported
    assert answer.probe.facts["time_scale"] == SCALE


def test_a_board_that_is_not_scaled_has_no_interpreter_of_its_own(tmp_path: Path) -> None:
    body = BoardBody(tmp_path / "home", "pi4", board_kind("pi4-bare"))
    body.power_on()
    assert not (body.home / "python").exists()
    assert "time_scale" not in json.loads((body.farm_folder / "board.json").read_text())["board"]
    body.power_off()


def test_an_answers_seconds_are_those_of_whoever_asks(tmp_path: Path) -> None:
    body = BoardBody(tmp_path, "pi4", board_kind("pi4-bare"), Scenario(time_scale=50.0))
    status = Status(run_id="a", attempt=1, state=RunState.ACTIVE, next_report_in_s=100.0, ready_in_s=50.0)
    line = body.in_host_time(dumps(Answer(status=status)).encode() + b"\n")
    assert line.endswith(b"\n")
    assert loads(Answer, line).status == replace(status, next_report_in_s=2.0, ready_in_s=1.0)
    assert body.in_host_time(b"any other line\n") == b"any other line\n"


def test_a_scaled_clock_starts_where_the_host_is() -> None:
    clock = ScaledClock(60.0, 1000.0)
    assert (clock.of(1000.0), clock.of(1001.0)) == (1000.0, 1060.0)
    assert ScaledClock().of(5.0) == 5.0


def test_a_process_heats_a_scaled_board_by_a_whole_core_whatever_it_gets_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "run.1").mkdir()
    (tmp_path / "run.1/claim.json").write_text(json.dumps({"agent": {"pid": os.getpid()}}))
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            load = RunLoad(tmp_path, ScaledClock(50.0, time.monotonic()))
            assert load.utilisation() == 1 / load.cores
            busy.send_signal(signal.SIGSTOP)
            os.waitpid(busy.pid, os.WUNTRACED)
            assert load.utilisation() == 0.0
        finally:
            busy.kill()
