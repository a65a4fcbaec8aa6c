"""Measuring overhead: median latency by the agent over that of a bare loop, and the bare loop over itself.

A block is three fresh processes side by side in time: agent, bare, bare again; every other block in reverse. So each
pair's members are neighbours whose order alternates, and the second pair is the noise that the first stands in.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.wire.records import Inferences, Loaded, Phase
from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Figure, Judged, Target, median_of, ratio_of
from benchmarks.lone_board import LoneBoard
from orchestrator.canary.make import write_network

BARE_LOOP = Path(__file__).parent / "bare_loop.py"
MAX_WINDOW_S = 120.0
TRIAL_LAYERS, TRIAL_COUNT = 4, 200
LEAST_PAIRS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model of about a certain time, how often it is called in a process, and what was promised of it."""

    target_ms: float
    channels: int
    size: int
    warm_up: int
    count: int
    targets: tuple[Target, ...]


CASES = (
    Case(
        target_ms=0.2,
        channels=8,
        size=20,
        warm_up=500,
        count=5000,
        targets=(Target(judged=Judged.LOW, at_most=1.01),),
    ),
    Case(
        target_ms=20.0,
        channels=32,
        size=56,
        warm_up=20,
        count=150,
        targets=(Target(judged=Judged.LOW, at_most=1.002), Target(judged=Judged.HIGH, at_most=1.01)),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One process: its median, and a digest of what it computed."""

    median_ns: float
    output_sha256: str


def measure(options: argparse.Namespace) -> list[Figure]:
    """Every case in turn, each in half of the time."""
    figures = []
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="pifarm-overhead-") as folder:
            figures += measure_case(case, Path(folder), options.pairs, options.minutes * 60 / len(CASES))
    return figures


def measure_case(case: Case, folder: Path, pairs: int, within_s: float) -> list[Figure]:
    """The ratio with its noise, and the medians behind it; fewer pairs where time is short, said as n."""
    model = make_model(case, folder / "made.onnx")
    board = LoneBoard.in_folder(folder / "board")
    staged = board.stage(model)
    ends_s = time.monotonic() + within_s
    by_agent: list[Measured] = []
    bare: list[Measured] = []
    bare_again: list[Measured] = []
    for block in range(pairs):
        if block >= LEAST_PAIRS and time.monotonic() > ends_s:
            break
        roles: list[tuple[list[Measured], Callable[[], Measured]]] = [
            (by_agent, lambda: run_agent(board, staged, case)),
            (bare, lambda: run_bare(model, case.warm_up, case.count)),
            (bare_again, lambda: run_bare(model, case.warm_up, case.count)),
        ]
        for measured, run in roles if block % 2 == 0 else reversed(roles):
            measured.append(run())
        tell(f"overhead: {case.target_ms:g} ms model, block {block + 1} of {pairs}")
    if len({each.output_sha256 for each in (*by_agent, *bare, *bare_again)}) != 1:
        raise CannotMeasureError("agent and bare loop did not compute the same")
    return judge(case, *([each.median_ns for each in measured] for measured in (by_agent, bare, bare_again)))


def judge(case: Case, by_agent: Sequence[float], bare: Sequence[float], bare_again: Sequence[float]) -> list[Figure]:
    """The figures of a case from the medians of its processes."""
    name = f"{case.target_ms:g} ms model"
    return [
        Figure(
            what=f"{name}: agent / bare loop (reference: bare / bare)",
            unit="ratio",
            ours=ratio_of(by_agent, bare),
            reference=ratio_of(bare, bare_again),
            targets=case.targets,
        ),
        Figure(
            what=f"{name}: median latency",
            unit="ms",
            ours=median_of([value / 1e6 for value in by_agent]),
            reference=median_of([value / 1e6 for value in (*bare, *bare_again)]),
        ),
    ]


def make_model(case: Case, path: Path) -> Path:
    """A model that takes about the wanted time here, found by a trial of a smaller one."""
    write_network(path, layers=TRIAL_LAYERS, channels=case.channels, size=case.size)
    trial_ms = run_bare(path, TRIAL_COUNT // 4, TRIAL_COUNT).median_ns / 1e6
    layers = max(1, round(TRIAL_LAYERS * case.target_ms / trial_ms))
    write_network(path, layers=layers, channels=case.channels, size=case.size)
    tell(f"overhead: {case.target_ms:g} ms model: {layers} layers")
    return path


def run_bare(model: Path, warm_up: int, count: int) -> Measured:
    """The bare loop in a fresh process."""
    command = [sys.executable, str(BARE_LOOP), str(model), "1", str(warm_up), str(count)]
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise CannotMeasureError(f"the bare loop failed: {done.stderr.decode()[-300:]}")
    said = json.loads(done.stdout)
    return Measured(median_ns=float(np.median(said["durations_ns"])), output_sha256=said["output_sha256"])


def run_agent(board: LoneBoard, model: str, case: Case) -> Measured:
    """The same number of inferences by the agent, from `start` to the journal."""
    protocol = Protocol(
        name="overhead",
        regime=Regime.BURST,
        gate=Gate(live_bits_clear=False),
        warm_up=WarmUp(min_inferences=case.warm_up, min_s=0.0),
        window=Window(min_inferences=case.count, min_s=0.0, max_s=MAX_WINDOW_S),
    )
    records = board.finish(board.start(board.spec(model, protocol)))
    (loaded,) = [record for record in records if isinstance(record, Loaded)]
    counted = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    durations_ns = [duration for chunk in counted for duration in chunk.durations_ns]
    return Measured(median_ns=float(np.median(durations_ns)), output_sha256=loaded.output_sha256)


if __name__ == "__main__":
    run_command("overhead", "measuring overhead of the agent", measure, {"pairs": 30, "minutes": 20.0})
