"""The task file on disk."""

from pathlib import Path

import pytest

from agent.wire.task import Decoder
from orchestrator.datasets.task_file import read_task
from orchestrator.errors import SpecError

GOOD = """{"kind": "detection", "image": {"width": 64, "height": 32, "pad": 0}, "classes": ["a"],
           "detection": {"decoder": "end-to-end"}}"""


def written(folder: Path, text: str) -> Path:
    path = folder / "task.json"
    path.write_text(text)
    return path


def test_a_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, GOOD))
    assert task.detection is not None
    assert (task.image.height, task.detection.decoder, task.detection.most) == (32, Decoder.END_TO_END, 300)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("end-to-end", "yolov99", r"task\.detection\.decoder: expected one of yolov5, yolov5-raw"),
        ('"pad": 0', '"padding": 0', r"task\.image\.padding: unknown field"),
        ('"pad": 0', '"pad": 300', r"task\.image\.pad: expected 0\.\.255, got 300"),
        ('"classes": ["a"],', "", r"task\.classes: missing"),
        ("{", "", "expected JSON"),
    ],
)
def test_a_wrong_file_is_told_by_its_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=rf"task\.json: .*{message}"):
        read_task(written(tmp_path, GOOD.replace(old, new, 1)))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_task(tmp_path / "task.json")
