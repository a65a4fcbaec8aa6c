"""Scores the detectors' files on held-out scenes, here: ``python -m training.score [FOLDER]``.

The whole way that a board's predictions go: scenes as a COCO folder, decoded and packed, prepared by the agent's code,
run one at a time, decoded and compared. What a board returns for the same file must score the same. PyTorch is
needed for TorchScript files only.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from agent.detection.detecting import Detections, detect
from agent.tasks import prepare
from agent.wire.task import Task
from orchestrator.analysis.accuracy.scoring import DetectionScores, score_detections
from orchestrator.datasets.coco import CocoFolder, read_coco
from orchestrator.datasets.packing import pack_images
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import FILES, METRICS_FILE, MODEL_NAME, TASK_FILE
from orchestrator.demo.detection.dataset import write_dataset
from orchestrator.demo.detection.scenes import VALIDATION_SCENES, VALIDATION_SEED

BASELINE: Final = "onnx"
VARIANT_FILES: Final = {
    BASELINE: "big.onnx",
    "slim": "slim.onnx",
    "torchscript": "big.torchscript",
    "slim-torchscript": "slim.torchscript",
}
DATA: Final = "Optical Recognition of Handwritten Digits, UCI, doi 10.24432/C50P49, CC BY 4.0"
TOOLS: Final = ("numpy", "onnx", "onnxruntime", "torch", "faster-coco-eval")
Infer = Callable[[Any], Sequence[Any]]


def main() -> None:
    """Scores each file in a folder and prints a table."""
    parser = argparse.ArgumentParser(description="Score detectors on the demo's held-out scenes.")
    parser.add_argument("paths", nargs="*", type=Path, default=[FILES / name for name in VARIANT_FILES.values()])
    parser.add_argument("--images", type=int, default=VALIDATION_SCENES)
    given = parser.parse_args()
    for path, scores in zip(given.paths, score_files(given.paths, given.images), strict=True):
        print(f"{path.name:24} {table_row(scores)}")


def table_row(scores: DetectionScores) -> str:
    """The figures of one file in a line."""
    sizes = ", ".join(f"{size} {each.ap50:.3f}" for size, each in scores.by_size.items() if each.ap50 is not None)
    return f"mAP50 {scores.map50:.4f}, mAP50-95 {scores.map50_95:.4f} ({scores.images} images; mAP50 of {sizes})"


def score_files(paths: Sequence[Path], images: int = VALIDATION_SCENES) -> list[DetectionScores]:
    """The scores of model files (.onnx, .ort, .torchscript) on the first `images` validation scenes."""
    task = read_task(TASK_FILE)
    with tempfile.TemporaryDirectory(prefix="pifarm-scenes-") as name:
        folder = Path(name)
        write_dataset(folder, images)
        data = read_coco(folder)
        pack_images(data, data.files.keys(), folder / "images.npz")
        found = (predict(path, folder / "images.npz", data, task) for path in paths)
        return [score_detections(data.truth, each, task.classes) for each in found]


def predict(path: Path, packed: Path, data: CocoFolder, task: Task) -> dict[int, Detections]:
    """What a model file finds in the packed images of a data set, by image."""
    infer = _open(path)
    found: dict[int, Detections] = {}
    with np.load(packed, allow_pickle=False) as arrays:
        for name in arrays.files:
            width, height = data.truth.sizes[int(name)]
            outputs = infer(prepare(arrays[name], task.image))
            found[int(name)] = detect(outputs, task, width=width, height=height)
    return found


def _open(path: Path) -> Infer:
    if path.suffix == ".torchscript":
        return _open_torchscript(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})


def _open_torchscript(path: Path) -> Infer:
    import torch

    module = torch.jit.load(str(path), map_location="cpu").eval()

    def infer(tensor: Any) -> Sequence[Any]:
        with torch.inference_mode():
            return [module(torch.from_numpy(tensor)).numpy()]

    return infer


def write_metrics(folder: Path, *, steps: Mapping[str, int], batch: int, seed: int) -> None:
    """Scores the files in `folder` and writes ``metrics.json`` there, with how they were made."""
    paths = [folder / name for name in VARIANT_FILES.values()]
    scored = dict(zip(VARIANT_FILES, score_files(paths), strict=True))
    first = scored[BASELINE]
    metrics = {
        "model": MODEL_NAME,
        "baseline": BASELINE,
        "validation": {"seed": VALIDATION_SEED, "images": first.images, "objects": first.objects},
        "training": {"seed": seed, "steps": dict(steps), "scenes_a_step": batch},
        "data": DATA,
        "tools": {"python": platform.python_version(), **{name: metadata.version(name) for name in TOOLS}},
        "measured_on": platform.machine(),
        "variants": {label: _record(VARIANT_FILES[label], scores) for label, scores in scored.items()},
    }
    (folder / METRICS_FILE.name).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    for label, scores in scored.items():
        print(f"{label:24} {table_row(scores)}")


def _record(file: str, scores: DetectionScores) -> dict[str, Any]:
    return {"file": file, "map50": round(scores.map50, 4), "map50_95": round(scores.map50_95, 4)}


if __name__ == "__main__":
    main()
