"""A network of 100 MB and 25 million parameters through the whole farm, and what memory each part of it takes.

Built at random, registered, made into variants, inspected, staged over loopback SSH to a simulated board that really
infers, and measured by the quick protocol in three formats. A child of the variant factory counts as much as a worker.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Target
from benchmarks.large_model import save_examples, save_large_onnx
from benchmarks.peaks import watched_peaks
from benchmarks.running_farm import RunningFarm, running_farm
from orchestrator.queries.runs import list_runs
from orchestrator.simulator.process import simulator_process

MB = 10**6
LIMIT = Target(at_most=600.0)
MODEL, BOARD = "large", "board"
RECIPES = ("ort", "fp16", "int8-dynamic", "int8-static", "prune:0.2")
PATIENCE_S = 1800.0


@dataclass(slots=True, kw_only=True)
class Journey:
    """What was found on the way: seconds of each step, megabytes of each part and file, milliseconds an inference."""

    step_s: dict[str, float] = field(default_factory=dict)
    peak_mb: Mapping[str, float] = field(default_factory=dict)
    file_mb: dict[str, float] = field(default_factory=dict)
    median_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Take the time of a step, and say that it begins."""
        tell(f"large_network: {step}")
        began_s = time.monotonic()
        yield
        self.step_s[step] = time.monotonic() - began_s


def measure(options: argparse.Namespace) -> list[Figure]:
    """The network's way, from a file to its results."""
    with tempfile.TemporaryDirectory(prefix="pifarm-large-") as name:
        return judge(travel(Path(name), options.examples, options.threads))


def travel(folder: Path, examples: int, threads: int) -> Journey:
    """Take the network all the way."""
    journey = Journey()
    files = _build(folder, journey)
    save_examples(folder / "examples.npz", examples)
    with running_farm(folder / "farm") as farm, watched_peaks() as peaks:
        with simulator_process(folder / "boards", ["pi5-active-cooler"], [farm.key.public_line]) as (notice,):
            farm.add_board(BOARD, notice.address, notice.host_key)
            for label, file in files.items():
                with journey.timed(f"model add {label}"):
                    farm.run("model", "add", MODEL, str(file), "--variant", label)
            for recipe in RECIPES:
                with journey.timed(f"variant make {recipe}"):
                    made = ("variant", "make", MODEL, "--recipe", recipe)
                    farm.pifarm(*made, "--calibration", str(folder / "examples.npz"), patience_s=PATIENCE_S)
            with journey.timed("model inspect"):
                farm.pifarm("model", "inspect", MODEL)
            with journey.timed("stage, and the quick protocol of each"):
                study = _submit(farm, [*files, "ort"], threads)
                farm.wait_for_end(study, patience_s=PATIENCE_S)
        journey.peak_mb = dict(peaks.mb)
        _read_results(farm, study, journey)
    return journey


def _build(folder: Path, journey: Journey) -> dict[str, Path]:
    """The network's files by label; TorchScript where PyTorch is installed."""
    with journey.timed("build"):
        files = {"fp32": folder / "large.onnx"}
        weights = save_large_onnx(files["fp32"])
        if importlib.util.find_spec("torch") is None:
            tell("large_network: PyTorch is not installed, so TorchScript is left out: make torch")
            return files
        from benchmarks.large_torch import save_large_torchscript

        files["torchscript"] = folder / "large.torchscript"
        save_large_torchscript(files["torchscript"], weights)
    return files


def _submit(farm: RunningFarm, labels: Sequence[str], threads: int) -> int:
    variants = [word for label in labels for word in ("--variant", label)]
    how = ["--runtime", "onnxruntime", "--runtime", "torch", "--protocol", "quick", "--threads", str(threads)]
    study: int = farm.pifarm("submit", MODEL, *variants, *how, "--shape", "image=1,3,640,640")["study"]
    return study


def _read_results(farm: RunningFarm, study: int, journey: Journey) -> None:
    for run in list_runs(farm.farm.database, study=study):
        if run.median_ms is not None:
            journey.median_ms[run.variant] = run.median_ms
    for build in farm.pifarm("model", "show", MODEL)["builds"]:
        journey.file_mb[build["label"]] = build["size_bytes"] / MB


def judge(journey: Journey) -> list[Figure]:
    """Memory against its limit; times, sizes and latencies have none."""
    peaks = [
        Figure(what=f"peak memory: {part}", unit="MB RSS", ours=Estimate(center=mb), targets=(LIMIT,))
        for part, mb in sorted(journey.peak_mb.items(), key=lambda each: -each[1])
    ]
    plain = [
        *((step, "s", seconds) for step, seconds in journey.step_s.items()),
        *((f"file: {label}", "MB", mb) for label, mb in journey.file_mb.items()),
        *((f"median of {label}", "ms", median) for label, median in journey.median_ms.items()),
    ]
    return peaks + [Figure(what=what, unit=unit, ours=Estimate(center=center)) for what, unit, center in plain]


if __name__ == "__main__":
    run_command("large_network", "memory of the farm with a network of 100 MB", measure, {"examples": 4, "threads": 2})
