"""The order of everything, and its results as JSON lines, so that hours of measuring survive an interruption.

A session begins with the truth: long quiet medians of both models and of the reference model, alternating. Before and
after each measurement the quiet reference is looked at again. Lines are of two kinds: `session` and `measured`.
"""

import itertools
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import CannotMeasureError, tell
from benchmarks.lone_board import LoneBoard
from benchmarks.repeatability.loads import Load, bursts, disturbed, overlap_s
from benchmarks.repeatability.methods import (
    PEERS,
    THREADS,
    Method,
    Models,
    measure_peer,
    run_loop,
    time_pyperf_process,
)
from benchmarks.repeatability.ours import A, B, measure_ours, plan, run_agent
from orchestrator.canary.make import write_network

REFERENCE_S = 1.0
TRUTH_PARTS = 5
CHANNELS, SIZE, TRIAL_LAYERS = 32, 56, 4
REFERENCE_SHARE, SLOWER_BY = 0.3, 1.10
Line = dict[str, Any]


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

    def steps(self) -> Iterator[Step]:
        """All measurements; the order of loads and methods is drawn anew for each repeat: none is always first."""
        for seed, repeat in itertools.product(range(1, self.seeds + 1), range(self.repeats)):
            rng = np.random.default_rng([seed, repeat])
            for load in rng.permutation(len(self.loads)):
                for method in rng.permutation(len(self.methods)):
                    yield Step(seed=seed, repeat=repeat, load=self.loads[load], method=self.methods[method])

    @property
    def seconds(self) -> float:
        """About how long all of it takes."""
        steps = self.seeds * self.repeats * len(self.loads) * len(self.methods)
        return steps * (self.budget_s + 2 * (REFERENCE_S + 1.5) + 1.0) + self.truth_s

    @property
    def truth_s(self) -> float:
        """About how long the truth takes: five quiet windows of half a budget, at both numbers of threads."""
        return TRUTH_PARTS * (2 * self.budget_s / 2 + 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What measurements need: models, the board, how costly a run and a pyperf process are, and the truth."""

    models: Models
    board: LoneBoard
    staged: dict[str, str]
    own_s: float
    pyperf_process_s: float
    truth: Line = field(default_factory=dict)


class Results:
    """The file of lines.

    Lifecycle: opened once; each `add` is on the disk when it returns. A torn last line is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text() if path.exists() else ""
        self.lines: list[Line] = [line for line in map(_parse, text.splitlines()) if line]
        if text and not text.endswith("\n"):
            path.write_text(text[: text.rfind("\n") + 1])

    def add(self, line: Line) -> None:
        """Append a line."""
        self.lines.append(line)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()

    def measured(self) -> list[Line]:
        """What has been measured."""
        return [line for line in self.lines if line["kind"] == "measured"]

    def done(self) -> set[tuple[int, int, str, str]]:
        """The keys of what need not be measured again; what failed is tried again when the session is resumed."""
        done = [line for line in self.measured() if "failed" not in line]
        return {(line["seed"], line["repeat"], line["load"], line["method"]) for line in done}


def carry_out(design: Design, results: Results, folder: Path, minutes: float) -> None:
    """Measure what is not yet in the results; after so many minutes no further measurement begins."""
    began_s = time.monotonic()
    asked = {"budget_s": design.budget_s, "model_ms": design.model_ms}
    others = [line for line in results.lines if line["kind"] == "session" and line["asked"] != asked]
    if others:
        raise CannotMeasureError(f"{results.path} holds another design: {others[0]['asked']}, asked is {asked}")
    done = results.done()
    steps = [step for step in design.steps() if step.key not in done]
    if not steps:
        return
    left_h = design.seconds * len(steps) / max(1, len(steps) + len(done)) / 3600
    tell(f"repeatability: {len(steps)} measurements to do, about {left_h:.1f} h; results go to {results.path}")
    bench = prepare(design, folder)
    results.add({"kind": "session", "asked": asked, "truth": bench.truth, "began_s": time.time()})
    session = sum(line["kind"] == "session" for line in results.lines) - 1
    prepared_s = time.monotonic()
    for number, step in enumerate(steps, start=1):
        if time.monotonic() - began_s > minutes * 60:
            tell(f"repeatability: {minutes:g} minutes are over, {len(steps) - number + 1} measurements are left")
            return
        line = measure_step(step, bench, design.budget_s)
        results.add({"kind": "measured", "session": session, **line})
        left_h = (time.monotonic() - prepared_s) / number * (len(steps) - number) / 3600
        tell(f"repeatability: {number} of {len(steps)}, {step.load.value}, {step.method.value}; {left_h:.1f} h left")


def prepare(design: Design, folder: Path) -> Bench:
    """Models of the wanted time, a board, what runs cost here, and the truth."""
    models = make_models(folder, design.model_ms)
    board = LoneBoard.in_folder(folder / "board")
    staged = {A: board.stage(models.a), B: board.stage(models.b)}
    trial = plan(Method.NO_GATE, 0.0, 0.0)
    run_agent(board, staged[A], trial.protocol(0.0, 1))  # the first one compiles what the others find
    costs = []
    for name in (A, B):
        began_s = time.monotonic()
        run = run_agent(board, staged[name], trial.protocol(0.0, 1))
        costs.append(time.monotonic() - began_s - (run.timed[1] - run.timed[0]) - trial.run_s + trial.window_s)
    tell(f"repeatability: a run costs {max(costs):.1f} s of its own; now the truth, {design.truth_s / 60:.0f} min")
    return Bench(
        models=models,
        board=board,
        staged=staged,
        own_s=max(0.0, *costs),
        pyperf_process_s=time_pyperf_process(models.b) if Method.PYPERF in design.methods else 1.0,
        truth=find_truth(models, design),
    )


def make_models(folder: Path, model_ms: float) -> Models:
    """A of about the wanted time, B a tenth slower, and a shorter reference."""
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / "trial.onnx"
    write_network(trial, layers=TRIAL_LAYERS, channels=CHANNELS, size=SIZE)
    layer_ms = run_loop("steady", trial, THREADS, time.monotonic() + 2.0)[0] / 1e6 / TRIAL_LAYERS
    layers = max(10, round(model_ms / layer_ms))
    counts = {"a": layers, "b": round(layers * SLOWER_BY), "reference": max(1, round(layers * REFERENCE_SHARE))}
    for name, count in counts.items():
        write_network(folder / f"{name}.onnx", layers=count, channels=CHANNELS, size=SIZE)
    return Models(**{name: folder / f"{name}.onnx" for name in counts})


def find_truth(models: Models, design: Design) -> Line:
    """Quiet medians over five alternating fresh processes, at each number of threads that a method uses."""
    threads = {method.threads for method in design.methods}
    window_s = design.budget_s / 4
    found: dict[str, list[float]] = {}
    for _ in range(TRUTH_PARTS):
        found.setdefault("reference", []).append(look_at_reference(models))
        for count, (name, model) in itertools.product(sorted(threads), ((A, models.a), (B, models.b))):
            value, _span = run_loop("steady", model, count, time.monotonic() + window_s)
            found.setdefault(f"{name}{count}", []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def look_at_reference(models: Models) -> float:
    """The median of the reference model now, nanoseconds."""
    return run_loop("steady", models.reference, THREADS, time.monotonic() + REFERENCE_S + 1.0)[0]


def measure_step(step: Step, bench: Bench, budget_s: float) -> Line:
    """One measurement under its load, as a line."""
    spans = bursts(step.load, step.seed, step.repeat, budget_s)
    line: Line = {"seed": step.seed, "repeat": step.repeat, "load": step.load.value, "method": step.method.value}
    before_ns = look_at_reference(bench.models)
    with disturbed(step.load, spans) as origin_s:
        try:
            if step.method in PEERS:
                found = measure_peer(step.method, bench.models, budget_s, bench.pyperf_process_s)
            else:
                found = measure_ours(bench.board, bench.staged, plan(step.method, budget_s, bench.own_s), budget_s)
        except CannotMeasureError as reason:
            return line | {"failed": str(reason)}
        wall_s = time.monotonic() - origin_s
    after_ns = look_at_reference(bench.models)
    absolute = [(origin_s + from_s, origin_s + to_s) for from_s, to_s in spans]
    return line | {
        **{name: value for name, value in asdict(found).items() if name != "timed"},
        "reference_ns": (before_ns * after_ns) ** 0.5,
        "wall_s": wall_s,
        "timed_s": sum(to_s - from_s for from_s, to_s in found.timed),
        "disturbed_s": overlap_s(found.timed, absolute),
    }


def _parse(text: str) -> Line | None:
    try:
        line: Line = json.loads(text)
    except ValueError:
        return None
    return line
