"""What the supervising agent costs a board while it measures: processor time of its telemetry, and memory.

A scripted runtime sleeps, so that nothing else is measured. Three agents run side by side, each in a home of its own,
with telemetry at 4 Hz, at 1 Hz, and once in 60 s: the last is what the agent costs without telemetry. Once on this host
as it is, once on a simulated board's tree, which has every sensor.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Target, mean_of
from benchmarks.lone_board import LoneBoard, Started
from benchmarks.processes import cpu_s, peak_rss_mb, reaped_cpu_s, rss_mb
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind

PERIODS_S: Mapping[str, float] = {"4 Hz": 0.25, "1 Hz": 1.0, "none": 60.0}
BASE = "none"
SHARES = {"4 Hz": Target(at_most=0.3), "1 Hz": Target(at_most=0.1)}
MEMORY = Target(at_most=30.0)
SIMULATED = "pi5-active-cooler"
SETTLE_S = 1.5
LEAST_WINDOW_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One agent over one window: shares of one core in percent, memory in MB."""

    own_percent: float
    children_percent: float
    rss_mb: float
    peak_rss_mb: float


def measure(options: argparse.Namespace) -> list[Figure]:
    """This host, then a simulated board."""
    with tempfile.TemporaryDirectory(prefix="pifarm-agent-") as name:
        here = measure_place(Path(name) / "here", options.rounds, options.seconds)
        body = BoardBody(Path(name) / SIMULATED, SIMULATED, board_kind(SIMULATED))
        body.power_on()
        simulated = measure_place(body.farm_folder, options.rounds, options.seconds)
    return [*judge("this host", here, SHARES), *judge("simulated board", simulated, {})]


def measure_place(folder: Path, rounds: int, seconds: float) -> list[dict[str, Cost]]:
    """The cost at each rate, round by round. `folder` may hold a board.json, which every home gets."""
    notes = folder / "board.json"
    boards = {}
    for number, rate in enumerate(PERIODS_S):
        home = folder / f"home{number}"
        home.mkdir(parents=True)
        if notes.exists():
            (home / "board.json").write_bytes(notes.read_bytes())
        boards[rate] = LoneBoard.in_folder(home)
    found = []
    for number in range(rounds):
        with running(boards, seconds) as agents:
            found.append(watch(agents, seconds))
        tell(f"agent_cost: round {number + 1} of {rounds}")
    return found


@contextlib.contextmanager
def running(boards: Mapping[str, LoneBoard], seconds: float) -> Iterator[dict[str, psutil.Process]]:
    """An agent at each rate, in the middle of a window that is longer than `seconds`."""
    started: dict[str, Started] = {}
    try:
        for rate, board in boards.items():
            model = board.folder / "nothing.onnx"
            model.touch()
            spec = board.spec(
                board.stage(model),
                protocol(PERIODS_S[rate], seconds),
                runtime="scripted",
                options={"median_ms": 20.0},
            )
            started[rate] = board.start(spec)
        time.sleep(SETTLE_S)
        yield {rate: each.agent for rate, each in started.items()}
    finally:
        for rate, each in started.items():
            boards[rate].end(each)


def watch(agents: Mapping[str, psutil.Process], seconds: float) -> dict[str, Cost]:
    """What each agent uses over the next `seconds`."""
    before = {rate: (time.monotonic(), cpu_s(agent), reaped_cpu_s(agent)) for rate, agent in agents.items()}
    time.sleep(seconds)
    costs = {}
    for rate, agent in agents.items():
        began_s, own_s, children_s = before[rate]
        lasted_s = time.monotonic() - began_s
        costs[rate] = Cost(
            own_percent=100 * (cpu_s(agent) - own_s) / lasted_s,
            children_percent=100 * (reaped_cpu_s(agent) - children_s) / lasted_s,
            rss_mb=rss_mb(agent),
            peak_rss_mb=peak_rss_mb(agent),
        )
    return costs


def judge(place: str, rounds: Sequence[Mapping[str, Cost]], shares: Mapping[str, Target]) -> list[Figure]:
    """The figures of a place from its rounds."""
    figures = []
    for rate in PERIODS_S:
        if rate != BASE:
            extra = [costs[rate].own_percent - costs[BASE].own_percent for costs in rounds]
            targets = (shares[rate],) if rate in shares else ()
            what = f"{place}: telemetry at {rate}"
            figures.append(Figure(what=what, unit="% of a core", ours=mean_of(extra), targets=targets))
    asked = [costs["4 Hz"].children_percent for costs in rounds]
    if max(asked) > 0:
        figures.append(Figure(what=f"{place}: programs asked at 4 Hz", unit="% of a core", ours=mean_of(asked)))
    base = mean_of([costs[BASE].own_percent for costs in rounds])
    every = [cost for costs in rounds for cost in costs.values()]
    peak = Estimate(center=max(cost.peak_rss_mb for cost in every), count=len(every))
    at_end = Estimate(center=max(cost.rss_mb for cost in every), count=len(every))
    return [
        *figures,
        Figure(what=f"{place}: agent without telemetry", unit="% of a core", ours=base),
        Figure(what=f"{place}: agent's memory, peak", unit="MB RSS", ours=peak, targets=(MEMORY,)),
        Figure(what=f"{place}: agent's memory, at the end", unit="MB RSS", ours=at_end),
    ]


def protocol(period_s: float, seconds: float) -> Protocol:
    """An open gate and a window that is longer than `seconds`."""
    return Protocol(
        name="cost",
        regime=Regime.BURST,
        gate=Gate(live_bits_clear=False),
        warm_up=WarmUp(min_inferences=1, min_s=0.1),
        window=Window(min_inferences=1, min_s=seconds + 30.0, max_s=seconds + 60.0),
        telemetry_period_s=period_s,
    )


if __name__ == "__main__":
    run_command(
        "agent_cost",
        "processor time and memory of the agent",
        measure,
        {"rounds": 5, "seconds": LEAST_WINDOW_S},
    )
