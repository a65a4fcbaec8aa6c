"""pifarm's way: runs of the real agent on this machine, as many blocks and as long windows as the budget holds."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.protocol import MAX_RETURNS_TO_GATE
from agent.wire.records import Inferences, Phase, Record
from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.lone_board import LoneBoard
from benchmarks.repeatability.loads import Span
from benchmarks.repeatability.methods import Measured, Method
from orchestrator.analysis.comparison import Observation, compare
from orchestrator.analysis.latency import geometric_mean, summarise

BLOCKS = 5
RUNS = 2 * BLOCKS
FOREIGN_CPU_MAX = 0.02
LOAD_WINDOW_S, WARM_UP_S = 1.0, 0.75
LEAST_INFERENCES = 30
STEADY_WITHIN, LONGEST_WARM_UP_S = 0.02, 2.0
WAITING_SHARE = 0.2
LEAST_WINDOW_S = 0.5
A, B = "a", "b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a budget is spent: `window_s` for each of `order`, a run takes `run_s` if its gate opens at once."""

    order: tuple[str, ...]
    window_s: float
    run_s: float
    is_gated: bool

    def protocol(self, left_s: float, runs_left: int) -> Protocol:
        """The protocol of the next run: its gate may use what the others of the plan do not need.

        A run that is sent back from its warm-up passes the gate again, so that each pass gets its part of the time.
        When there is nothing left to wait with, the gate is open: the wall budget is the same for all methods.
        """
        gate = Gate(live_bits_clear=False)
        spare_s = left_s - runs_left * self.run_s
        if self.is_gated and spare_s > 0:
            passes_s = spare_s - MAX_RETURNS_TO_GATE * (LOAD_WINDOW_S + WARM_UP_S)
            gate = Gate(
                live_bits_clear=False,
                foreign_cpu_max=FOREIGN_CPU_MAX,
                load_window_s=LOAD_WINDOW_S,
                timeout_s=LOAD_WINDOW_S + max(0.0, passes_s) / (1 + MAX_RETURNS_TO_GATE),
            )
        return Protocol(
            name="repeatability",
            regime=Regime.BURST,
            gate=gate,
            warm_up=WarmUp(min_inferences=5, min_s=WARM_UP_S, steady_within=STEADY_WITHIN, max_s=LONGEST_WARM_UP_S),
            window=Window(min_inferences=LEAST_INFERENCES, min_s=self.window_s, max_s=10 * self.window_s),
        )


def plan(method: Method, budget_s: float, own_s: float) -> Plan:
    """The windows that fit: a run also costs `own_s`, and a fifth of a gated budget is kept for waiting."""
    is_gated = method is not Method.NO_GATE
    runs = 2 if method is Method.ONE_PROCESS else RUNS
    fixed_s = own_s + WARM_UP_S + (LOAD_WINDOW_S if is_gated else 0.0)
    usable_s = budget_s * (1 - WAITING_SHARE if is_gated else 1.0)
    window_s = max(LEAST_WINDOW_S, usable_s / runs - fixed_s)
    pairs = [(A, B) if block % 2 == 0 else (B, A) for block in range(runs // 2)]
    order = tuple(name for pair in pairs for name in pair)
    return Plan(order=order, window_s=window_s, run_s=fixed_s + window_s, is_gated=is_gated)


def measure_ours(board: LoneBoard, staged: dict[str, str], plan: Plan, budget_s: float) -> Measured:
    """All runs of a plan, and what the farm's own analysis makes of their medians."""
    ends_s = time.monotonic() + budget_s
    medians: dict[str, list[float]] = {A: [], B: []}
    means: dict[str, list[float]] = {A: [], B: []}
    timed: list[Span] = []
    for done, name in enumerate(plan.order):
        protocol = plan.protocol(ends_s - time.monotonic(), len(plan.order) - done)
        run = run_agent(board, staged[name], protocol)
        medians[name].append(run.median_ns)
        means[name].append(run.mean_ns)
        timed.append(run.timed)
    observations = [
        Observation(variant=name, device="here", block=block, median_ns=value)
        for name, values in medians.items()
        for block, value in enumerate(values)
    ]
    ratio = compare(observations, A, B).ratio
    assert ratio is not None, "both have the same blocks"
    return Measured(
        a_ns=geometric_mean(medians[A]),
        b_ns=geometric_mean(medians[B]),
        ratio=ratio,
        timed=tuple(timed),
        means_a_ns=geometric_mean(means[A]),
        means_b_ns=geometric_mean(means[B]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the agent: what its window gave, and when that was, on the monotonic clock."""

    median_ns: float
    mean_ns: float
    timed: Span


def run_agent(board: LoneBoard, model: str, protocol: Protocol) -> Run:
    """From `start` to the journal."""
    started = board.start(board.spec(model, protocol))
    claim = json.loads((board.folder / "runs" / started.spec.folder / "claim.json").read_bytes())
    return read_run(board.finish(started), claim["origin_ns"])


def read_run(records: Sequence[Record], origin_ns: int) -> Run:
    """The counted inferences of a journal."""
    counted = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    summary = summarise(np.array([duration for chunk in counted for duration in chunk.durations_ns]))
    span_ns = (counted[0].starts_ns[0], counted[-1].end_ns)
    timed = ((origin_ns + span_ns[0]) / 1e9, (origin_ns + span_ns[1]) / 1e9)
    return Run(median_ns=summary.median_ns, mean_ns=summary.mean_ns, timed=timed)
