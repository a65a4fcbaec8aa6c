"""Brings the detector into a farm as its owner would: the trained networks with their task, what the factory makes of
the baseline, and the scenes that all of them are scored on.

Safe to repeat: what is there stays.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from orchestrator.catalog import NewBuild, add_model
from orchestrator.datasets.catalog import add_dataset
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import MODEL_NAME, TASK_FILE, detector_variants
from orchestrator.demo.detection.calibration import write_examples
from orchestrator.demo.detection.dataset import write_dataset
from orchestrator.errors import ModelError, NotFoundError
from orchestrator.farm import Farm
from orchestrator.queries.datasets import list_datasets
from orchestrator.queries.models import get_model
from orchestrator.variants.make import make_variants
from orchestrator.variants.recipe import Recipe

DATASET: Final = "digit-scenes"
PRUNED_SHARE: Final = 0.2
RECIPES: Final[Mapping[str, str]] = {
    "ort": "ort",
    "pruned-20": f"prune:{PRUNED_SHARE}",
    "fp16": "fp16",
    "int8-dynamic": "int8-dynamic",
    "int8-static": "int8-static",
}
"""What the factory makes, by label."""
PRUNED_TORCHSCRIPT: Final = "torchscript-pruned-20"
WITHOUT_TORCH: Final = ("onnx", "ort", "pruned-20", "slim", "fp16", "int8-dynamic", "int8-static")
WITH_TORCH: Final = ("torchscript", PRUNED_TORCHSCRIPT, "slim-torchscript")
Tell = Callable[[str], None]


def add_detector(farm: Farm, labels: Sequence[str], tell: Tell) -> None:
    """Register the variants of these labels, and the baseline, of which most are made.

    Raises `NotFoundError` for a label that is neither trained nor made, `ModelError` for what cannot be made here.
    """
    trained = {each.label: each for each in detector_variants()}
    known = (*trained, *RECIPES, PRUNED_TORCHSCRIPT)
    for label in labels:
        if label not in known:
            raise NotFoundError(f"variant: {MODEL_NAME} has no {label!r}; it has {', '.join(known)}")
    builds = [
        NewBuild(path=each.path, label=each.label, is_baseline=each.is_baseline)
        for each in trained.values()
        if each.is_baseline or each.label in labels
    ]
    add_model(farm, MODEL_NAME, builds, task=read_task(TASK_FILE))
    _make_variants(farm, [label for label in labels if label in RECIPES], tell)
    if PRUNED_TORCHSCRIPT in labels:
        _add_pruned_torchscript(farm, trained["torchscript"].path)


def add_scenes(farm: Farm) -> None:
    """Register the scenes of validation as the data set `DATASET`."""
    if DATASET in {each.dataset for each in list_datasets(farm.database)}:
        return
    with tempfile.TemporaryDirectory(prefix="pifarm-scenes-") as folder:
        write_dataset(Path(folder))
        add_dataset(farm, DATASET, Path(folder))


def _make_variants(farm: Farm, labels: Sequence[str], tell: Tell) -> None:
    with tempfile.TemporaryDirectory(prefix="pifarm-calibration-") as folder:
        examples = Path(folder) / "examples.npz"
        write_examples(examples)
        for label in labels:
            recipe = Recipe.parse(RECIPES[label])
            (outcome,) = make_variants(farm, MODEL_NAME, [recipe], label=label, calibration=examples, tell=tell)
            if outcome.label is None:
                raise ModelError(f"{MODEL_NAME}: {outcome.refusal}")


def _add_pruned_torchscript(farm: Farm, source: Path) -> None:
    """Once only: PyTorch does not write the same bytes twice."""
    from orchestrator.demo.detection.pruned_torchscript import write_pruned

    if PRUNED_TORCHSCRIPT in {build.label for build in get_model(farm.database, MODEL_NAME).builds}:
        return
    with tempfile.TemporaryDirectory(prefix="pifarm-pruned-") as folder:
        path = Path(folder) / "pruned.torchscript"
        write_pruned(source, path, PRUNED_SHARE)
        lineage = {"parent_label": "torchscript", "recipe": RECIPES["pruned-20"]}
        add_model(farm, MODEL_NAME, [NewBuild(path=path, label=PRUNED_TORCHSCRIPT, lineage=lineage)])
