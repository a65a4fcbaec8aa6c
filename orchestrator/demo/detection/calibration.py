"""Writes examples for static int8: ``python -m orchestrator.demo.detection.calibration FILE.npz``.

`pifarm variant make --calibration` takes the file, and so does the demo. Scenes of training digits, beyond those that
training draws, so that no range comes from what validation measures.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from agent.tasks import prepare
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import TASK_FILE
from orchestrator.demo.detection.scenes import TRAINING_SEED, draw_scene, training_glyphs

FIRST_SCENE: Final = 1_000_000
EXAMPLES: Final = 100


def main() -> None:
    """Writes the file and says what is in it."""
    parser = argparse.ArgumentParser(description="Write calibration examples for the demo's detectors.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--count", type=int, default=EXAMPLES)
    given = parser.parse_args()
    write_examples(given.path, given.count)
    print(f"{given.count} examples of the input images in {given.path}")  # noqa: T201 - a program's output


def write_examples(path: Path, count: int = EXAMPLES) -> None:
    """Write `images`, float32 (count, 3, 128, 128), as the task file makes them."""
    glyphs, wanted = training_glyphs(), read_task(TASK_FILE).image
    scenes = (draw_scene(glyphs, TRAINING_SEED, FIRST_SCENE + number) for number in range(count))
    np.savez(path, images=np.concatenate([prepare(scene.levels, wanted) for scene in scenes]))


if __name__ == "__main__":
    main()
