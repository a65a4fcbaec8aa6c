"""Print the published table beside what a farm has measured: `python -m examples.yolov9 --help`."""

import argparse
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from examples.yolov9.beside import markdown, pair
from orchestrator.config import load_settings
from orchestrator.errors import PifarmError
from orchestrator.farm import open_farm
from orchestrator.published import read_published
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow
from orchestrator.text import row_text

PUBLISHED = Path(__file__).parent / "published.csv"


def main() -> None:
    """A table for each type of board; exit code 2 where the farm has nothing of the model."""
    options = _options()
    try:
        farm = open_farm(load_settings())
        rows = leaderboard(farm.database, study=options.study, model=options.model).rows
        published = read_published(PUBLISHED)
    except PifarmError as error:
        sys.exit(f"{error}")
    measured = [row for row in rows if row.group.source != "published"]
    if not measured:
        sys.stderr.write(f"nothing measured of {options.model} yet: make demo-full, or pifarm submit {options.model}\n")
        sys.exit(2)
    for group, own in groupby(measured, key=_without_shape):
        own_rows = list(own)
        marks = "".join(f", {mark}" for mark in row_text.group_marks(own_rows))
        sys.stdout.write(f"{group.model} on {own_rows[0].board}, {row_text.group_detail(group)}{marks}\n\n")
        sys.stdout.write(markdown(pair(published, own_rows)) + "\n")


def _without_shape(row: LeaderboardRow) -> Group:
    """The group of a row, but for how its input was given: TorchScript has to be told what ONNX says by itself."""
    return replace(row.group, input_shape="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.yolov9",
        description=f"What was published of YOLOv9-c ({PUBLISHED.name}) beside variants made in the same way here.",
    )
    parser.add_argument("--model", default="digits-detector", help="the farm's model (default: the demo's detector)")
    parser.add_argument("--study", type=int, help="only the runs of this study")
    return parser.parse_args()


if __name__ == "__main__":
    main()
