"""pifarm's way: runs of the real agent on this machine, as many and with as long windows as the budget holds."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.wire.records import GatePassed, Inferences, Phase, Record
from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.lone_board import LoneBoard, Started
from benchmarks.repeatability.methods import A, B, Method, Part
from orchestrator.analysis.latency import summarise

BLOCKS = 5
RUNS = 2 * BLOCKS
FOREIGN_CPU_MAX = 0.02 + 0.06  # the second is the reference's: on each core two ticks of 10 ms in a load window
LOAD_WINDOW_S = 0.4  # passed at the gate's second look, half a second after its first
WARM_UP_S = 0.5  # holds two readings of 4 Hz: by their difference an agent sees foreign load in it
LEAST_INFERENCES = 30
WAITING_SHARE = 0.2
LEAST_WINDOW_S, LEAST_SHARE = 0.5, 0.5
LATE_SHARE = 0.05  # of a budget: so much later a run is ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a budget is spent: on runs of `order`, each of which costs `fixed_s` beside a window of at least `planned_s`.

    Time that nobody waited for goes to the windows that follow; waiting takes away whole runs, the last ones, and
    halves at most the last window.
    """

    order: tuple[str, ...]
    fixed_s: float
    planned_s: float
    is_gated: bool

    def window_s(self, left_s: float, runs_left: int) -> float:
        """The next window, of a budget of which so much is left; 0 where what is left holds not even half of one."""
        share_s = _usable_s(left_s, self.is_gated) / runs_left - self.fixed_s
        window_s = min(max(self.planned_s, share_s), left_s - self.fixed_s)
        return window_s if window_s >= LEAST_SHARE * self.planned_s else 0.0

    def protocol(self, left_s: float, runs_left: int) -> Protocol:
        """The protocol of the next run. Its gate may use all that is left beside it, each pass half of that, because a
        run that is sent back from its warm-up passes the gate again.
        """
        window_s = max(LEAST_WINDOW_S, self.window_s(left_s, runs_left))
        gate = Gate(live_bits_clear=False)
        if self.is_gated:
            spare_s = max(0.0, left_s - self.fixed_s - window_s)
            gate = Gate(
                live_bits_clear=False,
                foreign_cpu_max=FOREIGN_CPU_MAX,
                load_window_s=LOAD_WINDOW_S,
                timeout_s=LOAD_WINDOW_S + spare_s / 2,
            )
        return Protocol(
            name="repeatability",
            regime=Regime.BURST,
            gate=gate,
            warm_up=WarmUp(min_inferences=5, min_s=WARM_UP_S, max_s=WARM_UP_S),
            window=Window(min_inferences=LEAST_INFERENCES, min_s=window_s, max_s=10 * window_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRun:
    """What a run gave, and whether its gate opened: one that timed out is not valid."""

    part: Part
    has_opened: bool


def plan(method: Method, own_s: float, budget_s: float) -> Plan:
    """The runs in their order; beside warm-up, gate and window each costs `own_s`."""
    is_gated = method is not Method.NO_GATE
    runs = 2 if method is Method.ONE_PROCESS else RUNS
    pairs = [(A, B) if block % 2 == 0 else (B, A) for block in range(runs // 2)]
    fixed_s = own_s + WARM_UP_S + (LOAD_WINDOW_S if is_gated else 0.0)
    return Plan(
        order=tuple(name for pair in pairs for name in pair),
        fixed_s=fixed_s,
        planned_s=max(LEAST_WINDOW_S, _usable_s(budget_s, is_gated) / runs - fixed_s),
        is_gated=is_gated,
    )


def measure_ours(board: LoneBoard, staged: dict[str, str], plan: Plan, budget_s: float) -> list[Part]:
    """The runs of a plan that the budget holds, at least one of each model, one part each.

    A run that was sent back to its gate and is late is ended, where its model has another.
    """
    ends_s = time.monotonic() + budget_s
    late_s = ends_s + LATE_SHARE * budget_s
    runs: list[OwnRun] = []
    for done, name in enumerate(plan.order):
        left_s, runs_left = ends_s - time.monotonic(), len(plan.order) - done
        is_first = name not in {run.part.model for run in runs}
        if is_first or plan.window_s(left_s, runs_left):
            protocol = plan.protocol(left_s, runs_left)
            started = board.start(board.spec(staged[name], protocol))
            if board.attend(started, late_s) or is_first:
                runs.append(collect(board, started, name))
            else:
                board.end(started)
    return counted(runs)


def counted(runs: Sequence[OwnRun]) -> list[Part]:
    """The parts of runs whose gate opened; of a model of which none did, all."""
    opened = {run.part.model for run in runs if run.has_opened}
    return [run.part for run in runs if run.has_opened or run.part.model not in opened]


def collect(board: LoneBoard, started: Started, model: str) -> OwnRun:
    """What a run gave, once it has ended."""
    claim = json.loads((board.folder / "runs" / started.spec.folder / "claim.json").read_bytes())
    return read_run(board.finish(started), claim["origin_ns"], model)


def read_run(records: Sequence[Record], origin_ns: int, model: str) -> OwnRun:
    """The counted inferences of a journal, and how its last gate was passed."""
    gates = [each for each in records if isinstance(each, GatePassed)]
    counted = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    summary = summarise(np.array([duration for chunk in counted for duration in chunk.durations_ns]))
    span_ns = (counted[0].starts_ns[0], counted[-1].end_ns)
    timed = ((origin_ns + span_ns[0]) / 1e9, (origin_ns + span_ns[1]) / 1e9)
    part = Part(model=model, value_ns=summary.median_ns, mean_ns=summary.mean_ns, timed=timed)
    return OwnRun(part=part, has_opened=not gates or not gates[-1].timed_out)


def _usable_s(left_s: float, is_gated: bool) -> float:
    """What is not kept for waiting."""
    return left_s * (1 - WAITING_SHARE) if is_gated else left_s
