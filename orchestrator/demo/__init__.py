"""What pifarm shows itself with: `detection`, the detector of `pifarm demo`, and here a digit classifier.

The classifier is what the farm's tests and benchmarks measure: tiny, in four variants, each a really different file
with its own accuracy. `train.py` writes the files; `metrics.json` beside them is the only record of their accuracy,
measured by running each file. Its digits are those of the detector's scenes. Importing this package needs the stdlib
alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL_NAME: Final = "digits-cnn"
FILES: Final = Path(__file__).parent / "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoVariant:
    """One variant: its file, its share of right answers on held-out images, whether it is the baseline."""

    label: str
    path: Path
    accuracy: float
    is_baseline: bool

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise ValueError(f"demo variant {self.label}: expected a file, got {self.path}")
        if not 0 <= self.accuracy <= 1:
            raise ValueError(f"demo variant {self.label}: expected an accuracy in 0..1, got {self.accuracy}")


def demo_variants() -> tuple[DemoVariant, ...]:
    """The variants `onnx` (the baseline), `ort`, `pruned-20` and `int8`, in this order."""
    metrics = json.loads((FILES / "metrics.json").read_text(encoding="utf-8"))
    return tuple(
        DemoVariant(
            label=label,
            path=FILES / variant["file"],
            accuracy=variant["accuracy"],
            is_baseline=label == metrics["baseline"],
        )
        for label, variant in metrics["variants"].items()
    )
