"""The order of everything.

A session begins when the machine is steady, ends after ten minutes or when it no longer is, and has a truth of its
own: quiet medians of both models in fresh processes, three rounds at its beginning, one after each two measurements
and one at its end. Every part of it and of a measurement goes with what the reference took meanwhile.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.command import CannotMeasureError, tell
from benchmarks.lone_board import LoneBoard
from benchmarks.repeatability.loads import Load, Span, bursts, disturbed, overlap_s
from benchmarks.repeatability.methods import (
    PEERS,
    THREADS,
    A,
    B,
    Method,
    Models,
    Part,
    measure_peer,
    run_loop,
    time_pyperf_process,
)
from benchmarks.repeatability.ours import collect, measure_ours, plan
from benchmarks.repeatability.reference import Reference, kept_on, watched
from benchmarks.repeatability.results import Results
from benchmarks.repeatability.truth import Line
from orchestrator.canary.make import write_network

SESSION_S, REST_S, PATIENCE_S = 600.0, 60.0, 3600.0
BETWEEN_S = 2.0
FIRST_ROUNDS, ROUND_EVERY = 3, 2
TRUTH_SHARE, TRUTH_START_S = 1 / 12, 1.0
CHANNELS, SIZE, TRIAL_LAYERS = 32, 56, 4
REFERENCE_SHARE = 1 / 3
TRIAL_S = 6.0
SLOWER_BY = 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measurement that is to be made."""

    seed: int
    repeat: int
    load: Load
    method: Method

    @property
    def key(self) -> tuple[int, int, str, str]:
        """What its line is found by."""
        return self.seed, self.repeat, self.load.value, self.method.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is asked for; lines of another design are never mixed in."""

    seeds: int
    repeats: int
    budget_s: float
    model_ms: float
    loads: tuple[Load, ...]
    methods: tuple[Method, ...]

    @property
    def asked(self) -> Line:
        """What lines of one file have in common."""
        return {"budget_s": self.budget_s, "model_ms": self.model_ms}

    def steps(self) -> Iterator[Step]:
        """All measurements; the order of loads and methods is drawn anew for each repeat: none is always first."""
        for seed, repeat in itertools.product(range(1, self.seeds + 1), range(self.repeats)):
            rng = np.random.default_rng([seed, repeat])
            for load in rng.permutation(len(self.loads)):
                for method in rng.permutation(len(self.methods)):
                    yield Step(seed=seed, repeat=repeat, load=self.loads[load], method=self.methods[method])

    def left(self, waiting: Collection[Step]) -> str:
        """About how long measurements and the rounds between them take, in words."""
        return f"about {len(waiting) * (self.budget_s + BETWEEN_S + self.round_s / ROUND_EVERY) / 3600:.1f} h"

    @property
    def round_s(self) -> float:
        """About how long a round of the truth takes: short windows of both models at each number of threads."""
        return 2 * len(self.threads) * (self.budget_s * TRUTH_SHARE + TRUTH_START_S)

    @property
    def threads(self) -> dict[int, Method]:
        """The numbers of threads that its methods use, each with a method that does."""
        return {method.threads: method for method in self.methods}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What measurements need: models, the reference, the board, how costly a run and a pyperf process are."""

    models: Models
    reference: Reference
    board: LoneBoard
    staged: dict[str, str]
    budget_s: float
    own_s: float
    pyperf_process_s: float


def carry_out(design: Design, results: Results, folder: Path, minutes: float) -> None:
    """Measure what is not yet in the results; after so many minutes no further measurement begins."""
    ends_s = time.monotonic() + minutes * 60
    others = [line for line in results.lines if line["kind"] == "session" and line["asked"] != design.asked]
    if others:
        raise CannotMeasureError(f"{results.path} holds another design: {others[0]['asked']}, asked is {design.asked}")
    done = results.done()
    waiting = deque(step for step in design.steps() if step.key not in done)
    if not waiting:
        return
    tell(f"repeatability: {len(waiting)} measurements to do, {design.left(waiting)}; results go to {results.path}")
    with prepared(design, folder) as bench:
        measure, look = partial(measure_step, bench), partial(measure_truth, bench, design)
        gives_up_s = time.monotonic() + PATIENCE_S
        while waiting and time.monotonic() < min(ends_s, gives_up_s):
            if measure_session(waiting, design, results, measure, look, min(ends_s, time.monotonic() + SESSION_S)):
                gives_up_s = time.monotonic() + PATIENCE_S
            else:
                time.sleep(REST_S)
    if waiting:
        why = "the time is over" if time.monotonic() >= ends_s else "the machine was unsteady for an hour"
        tell(f"repeatability: {why}, {len(waiting)} measurements are left")


def measure_session(
    waiting: deque[Step],
    design: Design,
    results: Results,
    measure: Callable[[Step], Line],
    look: Callable[[], Line],
    over_s: float,
) -> bool:
    """A line for each waiting measurement that begins in time, at least one, and the rounds of the truth between them.

    False on an unsteady machine: where the first rounds show it nothing is measured or kept, where a later one does,
    the session ends at once and what it has measured waits again.
    """
    rounds = [look() for _ in range(FIRST_ROUNDS)]
    if results.is_unsteady(rounds):
        tell(f"repeatability: the machine is unsteady now, looks again in {REST_S:.0f} s")
        return False
    results.add({"kind": "session", "asked": design.asked, "began_s": time.time()})
    for each in rounds:
        results.add_of_session(each)
    measured = []
    while waiting:
        measured.append(step := waiting.popleft())
        results.add_of_session(measure(step))
        tell(f"repeatability: {step.load.value}, {step.method.value}; {len(waiting)} left, {design.left(waiting)}")
        is_over = not waiting or time.monotonic() > over_s
        if is_over or len(measured) % ROUND_EVERY == 0:
            results.add_of_session(look())
        if results.is_unsteady():
            tell(f"repeatability: the machine became unsteady, the last {len(measured)} are to be measured again")
            waiting.extendleft(reversed(measured))
            return False
        if is_over:
            break
    return True


@contextmanager
def prepared(design: Design, folder: Path) -> Iterator[Bench]:
    """Models of the wanted time, the reference, a board, and what runs cost here."""
    models = make_models(folder, design.model_ms)
    board = LoneBoard.in_folder(folder / "board")
    staged = {A: board.stage(models.a), B: board.stage(models.b)}
    with watched(models.reference, folder) as reference:
        own_s = time_runs(board, staged)
        tell(f"repeatability: a run costs {own_s:.1f} s of its own")
        yield Bench(
            models=models,
            reference=reference,
            board=board,
            staged=staged,
            budget_s=design.budget_s,
            own_s=own_s,
            pyperf_process_s=time_pyperf_process(models.b) if Method.PYPERF in design.methods else 1.0,
        )


def time_runs(board: LoneBoard, staged: dict[str, str]) -> float:
    """Seconds that a run costs beside the times of its protocol, the longer of both models'; its gate opens at once."""
    ours = plan(Method.PIFARM, 0.0, TRIAL_S)
    trial = ours.protocol(TRIAL_S, 1)
    costs_s = []
    for name in (A, A, B):  # the first one compiles what the others find
        began_s = time.monotonic()
        from_s, to_s = collect(board, board.start(board.spec(staged[name], trial)), name).part.timed
        costs_s.append(time.monotonic() - began_s - (to_s - from_s) - ours.fixed_s)
    return max(0.0, *costs_s[1:])


def make_models(folder: Path, model_ms: float) -> Models:
    """A of about the wanted time, B a tenth slower, and the reference, a third of it."""
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / "trial.onnx"
    write_network(trial, layers=TRIAL_LAYERS, channels=CHANNELS, size=SIZE)
    layer_ms = run_loop("steady", trial, THREADS, time.monotonic() + 2.0)[0] / 1e6 / TRIAL_LAYERS
    layers = max(10, round(model_ms / layer_ms))
    counts = {"a": layers, "b": round(layers * SLOWER_BY), "reference": round(layers * REFERENCE_SHARE)}
    for name, count in counts.items():
        write_network(folder / f"{name}.onnx", layers=count, channels=CHANNELS, size=SIZE)
    return Models(**{name: folder / f"{name}.onnx" for name in counts})


def measure_truth(bench: Bench, design: Design) -> Line:
    """A round: both models at each number of threads, each in a fresh quiet process."""
    parts = []
    for (threads, method), (name, model) in itertools.product(
        design.threads.items(), ((A, bench.models.a), (B, bench.models.b))
    ):
        with kept_on(method.cores(bench.reference.files)):
            ends_s = time.monotonic() + TRUTH_START_S + design.budget_s * TRUTH_SHARE
            value_ns, timed = run_loop("steady", model, threads, ends_s)
        part = Part(model=name, value_ns=value_ns, timed=timed)
        parts.append(as_line(part, method, bench.reference, ()) | {"threads": threads})
    return {"kind": "truth", "parts": parts}


def measure_step(bench: Bench, step: Step) -> Line:
    """One measurement under its load, as a line."""
    spans = bursts(step.load, step.seed, step.repeat, bench.budget_s)
    line: Line = {
        "kind": "measured",
        "seed": step.seed,
        "repeat": step.repeat,
        "load": step.load.value,
        "method": step.method.value,
    }
    with disturbed(step.load, spans) as origin_s:
        try:
            with kept_on(step.method.cores(bench.reference.files)):
                parts = measure(step.method, bench)
            wall_s = time.monotonic() - origin_s
            burnt = [(origin_s + from_s, origin_s + to_s) for from_s, to_s in spans]
            lines = [as_line(part, step.method, bench.reference, burnt) for part in parts]
        except CannotMeasureError as reason:
            return line | {"failed": str(reason)}
    timed = [part.timed for part in parts]
    return line | {
        "parts": lines,
        "wall_s": wall_s,
        "timed_s": sum(to_s - from_s for from_s, to_s in timed),
        "disturbed_s": overlap_s(timed, burnt),
    }


def measure(method: Method, bench: Bench) -> list[Part]:
    """Both models by one method."""
    if method in PEERS:
        return measure_peer(method, bench.models, bench.budget_s, bench.pyperf_process_s)
    ours = plan(method, bench.own_s, bench.budget_s)
    return measure_ours(bench.board, bench.staged, ours, bench.budget_s)


def as_line(part: Part, method: Method, reference: Reference, burnt: Sequence[Span]) -> Line:
    """A part with what the reference took meanwhile on the cores where it may have run, as long as nothing burnt: what
    the burners do to a method is not to be taken away.
    """
    return asdict(part) | {"reference_ns": reference.in_span(part.timed, method.cores(reference.files), burnt)}
