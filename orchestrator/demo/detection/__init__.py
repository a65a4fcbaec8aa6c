"""The demo's detector: digits of ten classes found in scenes, by a network and by a slimmer redesign of it.

`scenes` draws the scenes, `dataset` writes them as a folder in COCO's format, ``files/`` has the trained networks,
their task file and ``metrics.json``, the record of how right they are; ``python -m training.train`` writes them.
Importing this package needs the stdlib alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL_NAME: Final = "digits-detector"
FILES: Final = Path(__file__).parent / "files"
TASK_FILE: Final = FILES / "task.json"
METRICS_FILE: Final = FILES / "metrics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorVariant:
    """One variant: its file, its mAP (at an overlap of 0.5, and over 0.5 ... 0.95) on held-out scenes."""

    label: str
    path: Path
    map50: float
    map50_95: float
    is_baseline: bool

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise ValueError(f"demo detector {self.label}: expected a file, got {self.path}")
        if not 0 <= self.map50_95 <= self.map50 <= 1:
            raise ValueError(f"demo detector {self.label}: expected mAPs in 0..1, got {self.map50}, {self.map50_95}")


def detector_variants() -> tuple[DetectorVariant, ...]:
    """The trained variants: `onnx` (the baseline) and `slim`, and the same two for PyTorch."""
    metrics = json.loads(METRICS_FILE.read_text(encoding="utf-8"))
    return tuple(
        DetectorVariant(
            label=label,
            path=FILES / variant["file"],
            map50=variant["map50"],
            map50_95=variant["map50_95"],
            is_baseline=label == metrics["baseline"],
        )
        for label, variant in metrics["variants"].items()
    )
