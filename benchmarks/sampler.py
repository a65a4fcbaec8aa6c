"""The sampler while every core infers: latency with telemetry at 4 Hz over that with none, and none over itself.

Real inference on as many threads as there are cores, so that each look at the sensors takes time from an inference. A
block is three runs of the agent, in fresh processes side by side in time: on, off, off again; every other block in
reverse. Off is a reading a minute, which none of the short windows meets. Medians hide what few inferences pay, so
means are compared too. Once on this host as it is, once on a simulated board's tree, where every sensor is there and
each question to the firmware starts a program, which a real board answers without.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.wire.records import Inferences, Phase, Telemetry
from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.command import run_command, tell
from benchmarks.figure import Figure, mean_of, median_of, ratio_of
from benchmarks.lone_board import LoneBoard
from benchmarks.overhead import CASES, LEAST_PAIRS, make_model
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind

ON, OFF, OFF_AGAIN = "on", "off", "off again"
ROLES = (ON, OFF, OFF_AGAIN)
PERIODS_S: Mapping[str, float] = {ON: 0.25, OFF: 60.0, OFF_AGAIN: 60.0}
SIMULATED = "pi5-active-cooler"
WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One run's window, and how many telemetry samples were taken in it."""

    median_ns: float
    mean_ns: float
    looks: int


def measure(options: argparse.Namespace) -> list[Figure]:
    """This host, then a simulated board, each in half of the time."""
    with tempfile.TemporaryDirectory(prefix="pifarm-sampler-") as name:
        folder = Path(name)
        model = make_model(CASES[-1], folder / "made.onnx")
        body = BoardBody(folder / SIMULATED, SIMULATED, board_kind(SIMULATED))
        body.power_on()
        figures = []
        for place, home in (("this host", folder / "here"), ("simulated board", body.farm_folder)):
            found = measure_place(place, home, model, options)
            figures += judge(place, found)
        return figures


def measure_place(place: str, home: Path, model: Path, options: argparse.Namespace) -> dict[str, list[Timed]]:
    """Blocks of the three roles; fewer where time is short, said as n."""
    board = LoneBoard.in_folder(home)
    staged = board.stage(model)
    found: dict[str, list[Timed]] = {role: [] for role in ROLES}
    ends_s = time.monotonic() + options.minutes * 60 / 2
    for block in range(options.pairs):
        if block >= LEAST_PAIRS and time.monotonic() > ends_s:
            break
        for role in ROLES if block % 2 == 0 else reversed(ROLES):
            found[role].append(run_agent(board, staged, PERIODS_S[role], options.seconds))
        tell(f"sampler: {place}: block {block + 1} of {options.pairs}")
    return found


def run_agent(board: LoneBoard, model: str, period_s: float, window_s: float) -> Timed:
    """One run on all cores with telemetry at a period."""
    protocol = Protocol(
        name="sampler",
        regime=Regime.BURST,
        gate=Gate(live_bits_clear=False),
        warm_up=WarmUp(min_inferences=20, min_s=WARM_UP_S),
        window=Window(min_inferences=50, min_s=window_s, max_s=10 * window_s),
        telemetry_period_s=period_s,
    )
    spec = dataclasses.replace(board.spec(model, protocol), threads=os.cpu_count() or 1)
    records = board.finish(board.start(spec))
    counted = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    durations_ns = [duration for chunk in counted for duration in chunk.durations_ns]
    first_ns, last_ns = counted[0].starts_ns[0], counted[-1].end_ns
    looks = sum(first_ns <= at_ns <= last_ns for each in records if isinstance(each, Telemetry) for at_ns in each.at_ns)
    return Timed(median_ns=float(np.median(durations_ns)), mean_ns=float(np.mean(durations_ns)), looks=looks)


def judge(place: str, found: Mapping[str, Sequence[Timed]]) -> list[Figure]:
    """Ratios of medians and of means with their noise, and how much was looked at."""
    kinds: Mapping[str, Callable[[Timed], float]] = {
        "median": lambda timed: timed.median_ns,
        "mean": lambda timed: timed.mean_ns,
    }
    figures = []
    for kind, take in kinds.items():
        on, off, again = ([take(timed) for timed in found[role]] for role in (ON, OFF, OFF_AGAIN))
        figures.append(
            Figure(
                what=f"{place}: {kind} latency, sampler on / off (reference: off / off)",
                unit="ratio",
                ours=ratio_of(on, off),
                reference=ratio_of(off, again),
            )
        )
    return [
        *figures,
        Figure(
            what=f"{place}: median latency on {os.cpu_count()} threads, on (reference: off)",
            unit="ms",
            ours=median_of([timed.median_ns / 1e6 for timed in found[ON]]),
            reference=median_of([timed.median_ns / 1e6 for timed in found[OFF]]),
        ),
        Figure(
            what=f"{place}: telemetry samples in a window, on (reference: off)",
            unit="",
            ours=mean_of([timed.looks for timed in found[ON]]),
            reference=mean_of([timed.looks for timed in found[OFF]]),
        ),
    ]


if __name__ == "__main__":
    defaults = {"pairs": 20, "seconds": 5.0, "minutes": 15.0}
    run_command("sampler", "telemetry against none while every core infers", measure, defaults)
