"""What the control of a run costs beyond what its protocol asks for, on this machine and with an open gate.

From the claim on the board's disk to the last record of the journal, less warm-up, window and the load of the model:
facts and sensors, the gate's reading, the measuring process, telemetry, steadiness, the journal. The protocol's own
times are its least ones, so that an overshooting last inference counts as ours. One fresh agent for each run.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.wire.records import Ended, Inferences, Loaded, Phase, PhaseEntered, Record
from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.command import run_command, tell
from benchmarks.figure import Figure, Target, median_of
from benchmarks.lone_board import LoneBoard
from orchestrator.canary.make import write_network

TARGETS = (Target(at_most=0.5),)
WARM_UP_S, WINDOW_S = 1.0, 2.0
LEAST_RUNS = 6
PROTOCOL = Protocol(
    name="control",
    regime=Regime.BURST,
    gate=Gate(live_bits_clear=False),
    warm_up=WarmUp(min_inferences=5, min_s=WARM_UP_S),
    window=Window(min_inferences=30, min_s=WINDOW_S, max_s=60.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One run: seconds beyond its protocol, and where they went."""

    beyond_s: float
    steps_s: dict[str, float]


def measure(options: argparse.Namespace) -> list[Figure]:
    """Runs of a small model, one after the other."""
    ends_s = time.monotonic() + options.minutes * 60
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="pifarm-control-") as name:
        folder = Path(name)
        write_network(folder / "made.onnx", layers=4, channels=16, size=28)
        board = LoneBoard.in_folder(folder / "board")
        staged = board.stage(folder / "made.onnx")
        while len(costs) < options.runs and (len(costs) < LEAST_RUNS or time.monotonic() < ends_s):
            costs.append(read_cost(board.finish(board.start(board.spec(staged, PROTOCOL))), PROTOCOL))
            tell(f"control: run {len(costs)} of {options.runs}: {costs[-1].beyond_s:.3f} s")
    return judge(costs)


def read_cost(records: Sequence[Record], protocol: Protocol) -> Cost:
    """What a journal says of a run's own time; moments are nanoseconds since the claim."""
    (loaded,) = [record for record in records if isinstance(record, Loaded)]
    (ended,) = [record for record in records if isinstance(record, Ended)]
    entered = [record for record in records if isinstance(record, PhaseEntered)]
    counted = [record for record in records if isinstance(record, Inferences) and record.phase is Phase.WINDOW]
    warmed = [record for record in records if isinstance(record, Inferences) and record.phase is Phase.WARM_UP]
    model_ns = loaded.import_ns + loaded.load_ns + loaded.first_ns
    at_ns = {record.phase: record.at_ns for record in entered}
    moments_ns = {
        "facts and sensors": (0, at_ns[Phase.GATE]),
        "gate": (at_ns[Phase.GATE], at_ns[Phase.LOAD]),
        "measuring process, inputs": (at_ns[Phase.LOAD] + model_ns, loaded.at_ns),
        "to the first warm-up inference": (loaded.at_ns, warmed[0].starts_ns[0]),
        "warm-up beyond its least": (warmed[0].starts_ns[0] + _ns(protocol.warm_up.min_s), counted[0].starts_ns[0]),
        "window beyond its least": (counted[0].starts_ns[0] + _ns(protocol.window.min_s), counted[-1].end_ns),
        "journal": (counted[-1].end_ns, ended.at_ns),
    }
    steps_s = {name: (to_ns - from_ns) / 1e9 for name, (from_ns, to_ns) in moments_ns.items()}
    return Cost(beyond_s=sum(steps_s.values()), steps_s=steps_s)


def judge(costs: Sequence[Cost]) -> list[Figure]:
    """The figure that was promised, and its parts."""
    beyond = median_of([cost.beyond_s for cost in costs])
    figures = [Figure(what="a run beyond its protocol and its model's load", unit="s", ours=beyond, targets=TARGETS)]
    return figures + [
        Figure(what=f"    {name}", unit="s", ours=median_of([cost.steps_s[name] for cost in costs]))
        for name in costs[0].steps_s
    ]


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


if __name__ == "__main__":
    run_command("control", "what the control of a run costs beyond its protocol", measure, {"runs": 20, "minutes": 5.0})
