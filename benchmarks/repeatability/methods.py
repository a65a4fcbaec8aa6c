"""Every way of measuring: two models inside the same wall budget.

Peers measure one model after the other, each in half of the budget. pifarm measures them as the farm does: up to five
blocks that alternate AB BA, each run a fresh process of the real agent behind its gate, medians.
"""

import enum
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyperf

from benchmarks.command import CannotMeasureError
from benchmarks.repeatability.loads import Span

ROOT = Path(__file__).parents[2]
TIMED_LOOP = Path(__file__).parent / "timed_loop.py"
THREADS, ULTRALYTICS_THREADS = 1, 8
PATIENCE_S = 600.0
PYPERF_PROCESSES = 20
CALIBRATIONS = 2
A, B = "a", "b"


class Method(enum.Enum):
    """Ours with its ablations, and the peers."""

    PIFARM = "pifarm"
    NO_GATE = "pifarm without the gate"
    ONE_PROCESS = "pifarm, one process for five"
    NAIVE = "naive loop"
    PYPERF = "pyperf"
    ULTRALYTICS = "ultralytics, its options"
    ULTRALYTICS_OURS = "ultralytics, our options"

    @property
    def is_peer(self) -> bool:
        """Whether others measure so."""
        return self in PEERS

    def cores(self, allowed: Collection[int]) -> list[int]:
        """Where it may run: with one thread on one core, whose speed is then known; with more on all."""
        return sorted(allowed) if self.threads > THREADS else [min(allowed)]

    @property
    def threads(self) -> int:
        """How many threads it lets the runtime use; truth is measured with as many."""
        return ULTRALYTICS_THREADS if self is Method.ULTRALYTICS else THREADS


PEERS = (Method.NAIVE, Method.PYPERF, Method.ULTRALYTICS, Method.ULTRALYTICS_OURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one process gave of one model, and when it timed inferences, on the monotonic clock.

    `mean_ns` is what it would have given had it taken a mean where it takes a median.
    """

    model: str
    value_ns: float
    timed: Span
    mean_ns: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What is measured: A, B that is some percent slower, and the short one of the reference."""

    a: Path
    b: Path
    reference: Path


def measure_peer(method: Method, models: Models, budget_s: float, pyperf_process_s: float) -> list[Part]:
    """A then B by a peer's method, each until its half of the budget is used up."""
    began_s = time.monotonic()
    found = []
    for number, (name, model) in enumerate(((A, models.a), (B, models.b)), start=1):
        ends_s = began_s + budget_s * number / 2
        if method is Method.PYPERF:
            value_ns, timed = run_pyperf(model, pyperf_processes(ends_s - time.monotonic(), pyperf_process_s))
        else:
            procedure = "naive" if method is Method.NAIVE else "clipped"
            value_ns, timed = run_loop(procedure, model, method.threads, ends_s)
        found.append(Part(model=name, value_ns=value_ns, timed=timed))
    return found


def run_loop(procedure: str, model: Path, threads: int, ends_s: float) -> tuple[float, Span]:
    """What a loop in a fresh process gives, and when it timed."""
    said = json.loads(_run([str(TIMED_LOOP), procedure, str(model), str(threads), repr(ends_s)]))
    return float(said["value_ns"]), (said["from_s"], said["to_s"])


def run_pyperf(model: Path, processes: int) -> tuple[float, Span]:
    """The mean that pyperf shows, from so many worker processes, and when it ran."""
    with tempfile.TemporaryDirectory(prefix="pifarm-pyperf-") as folder:
        output = Path(folder) / "benchmark.json"
        began_s = time.monotonic()
        words = ["-m", "benchmarks.repeatability.pyperf_loop", "--quiet", "--inherit-environ", "ORT_DISABLE_TELEMETRY"]
        asked = ["--model", str(model), "--threads", str(THREADS), "--processes", str(processes)]
        _run([*words, *asked, "--output", str(output)])
        return float(pyperf.Benchmark.load(str(output)).mean()) * 1e9, (began_s, time.monotonic())


def pyperf_processes(left_s: float, process_s: float) -> int:
    """How many of its processes the time holds; pyperf's own default is 20, whatever that takes."""
    return max(1, int(left_s / process_s) - CALIBRATIONS)


def time_pyperf_process(model: Path) -> float:
    """Seconds that one more process of pyperf takes here, from a short trial."""
    began_s = time.monotonic()
    run_pyperf(model, CALIBRATIONS)
    return (time.monotonic() - began_s) / (2 * CALIBRATIONS)


def _run(words: Sequence[str]) -> str:
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, check=False, timeout=PATIENCE_S
    )
    if done.returncode != 0:
        raise CannotMeasureError(f"{words[0]}: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout.decode()
