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
from benchmarks.repeatability.methods import A, B, Method, Part
from orchestrator.analysis.latency import summarise

BLOCKS = 5
RUNS = 2 * BLOCKS
FOREIGN_CPU_MAX = 0.02 + 0.03  # the second is the reference's, which looks at most once in half a second
LOAD_WINDOW_S = 0.4  # passed at the gate's second look, half a second after its first
LEAST_WARM_UP_S, WARM_UP_S = 0.25, 0.5
LEAST_INFERENCES = 30
STEADY_WITHIN = 0.02
WAITING_SHARE = 0.2
LEAST_WINDOW_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a budget is spent: on runs of `order`, each of which costs `fixed_s` beside its window."""

    order: tuple[str, ...]
    fixed_s: float
    is_gated: bool

    def window_s(self, left_s: float, runs_left: int) -> float:
        """The next window: its part of what is left, of which a fifth is kept for waiting where there is a gate.

        What no run has waited for goes to the windows that follow.
        """
        usable_s = left_s * (1 - WAITING_SHARE if self.is_gated else 1.0)
        return max(LEAST_WINDOW_S, usable_s / runs_left - self.fixed_s)

    def protocol(self, left_s: float, runs_left: int) -> Protocol:
        """The protocol of the next run: its gate may use what the others of the plan do not need.

        A run that is sent back from its warm-up passes the gate again, so that each pass gets its part of the time.
        When there is nothing left to wait with, the gate is open: the wall budget is the same for all methods.
        """
        gate = Gate(live_bits_clear=False)
        window_s = self.window_s(left_s, runs_left)
        spare_s = left_s - runs_left * (self.fixed_s + window_s)
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
            warm_up=WarmUp(min_inferences=5, min_s=LEAST_WARM_UP_S, steady_within=STEADY_WITHIN, max_s=WARM_UP_S),
            window=Window(min_inferences=LEAST_INFERENCES, min_s=window_s, max_s=10 * window_s),
        )


def plan(method: Method, own_s: float) -> Plan:
    """The runs in their order; beside warm-up, gate and window each costs `own_s`."""
    is_gated = method is not Method.NO_GATE
    runs = 2 if method is Method.ONE_PROCESS else RUNS
    pairs = [(A, B) if block % 2 == 0 else (B, A) for block in range(runs // 2)]
    return Plan(
        order=tuple(name for pair in pairs for name in pair),
        fixed_s=own_s + WARM_UP_S + (LOAD_WINDOW_S if is_gated else 0.0),
        is_gated=is_gated,
    )


def measure_ours(board: LoneBoard, staged: dict[str, str], plan: Plan, budget_s: float) -> list[Part]:
    """All runs of a plan, one part each."""
    ends_s = time.monotonic() + budget_s
    parts = []
    for done, name in enumerate(plan.order):
        protocol = plan.protocol(ends_s - time.monotonic(), len(plan.order) - done)
        parts.append(run_agent(board, staged[name], protocol, name))
    return parts


def run_agent(board: LoneBoard, staged: str, protocol: Protocol, model: str) -> Part:
    """From `start` to the journal."""
    started = board.start(board.spec(staged, protocol))
    claim = json.loads((board.folder / "runs" / started.spec.folder / "claim.json").read_bytes())
    return read_run(board.finish(started), claim["origin_ns"], model)


def read_run(records: Sequence[Record], origin_ns: int, model: str) -> Part:
    """The counted inferences of a journal."""
    counted = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WINDOW]
    summary = summarise(np.array([duration for chunk in counted for duration in chunk.durations_ns]))
    span_ns = (counted[0].starts_ns[0], counted[-1].end_ns)
    timed = ((origin_ns + span_ns[0]) / 1e9, (origin_ns + span_ns[1]) / 1e9)
    return Part(model=model, value_ns=summary.median_ns, mean_ns=summary.mean_ns, timed=timed)
