"""`pifarm dataset`, `model task` and `accuracy`, as typed."""

from pathlib import Path

import pytest

from orchestrator.demo.detection import TASK_FILE
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.orchestrator.datasets.folders import a_document, write_folder

MODEL = "yolov9-c"


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A data set of two images whose objects are digits, as the demo's task knows them."""
    names = [{"id": number, "name": str(number)} for number in range(10)]
    objects = [{"image_id": 4, "category_id": 7, "bbox": [1, 1, 2, 2]}]
    return write_folder(tmp_path / "digits", a_document(categories=names, annotations=objects))


def test_a_data_set_is_added_once_listed_and_shown(pifarm: Pifarm, digits: Path) -> None:
    assert pifarm("dataset", "list").err.startswith("no data set yet; add one: pifarm dataset add")
    assert pifarm("dataset", "add", "digits", str(digits)).out == "digits: 2 examples for detection\n"
    assert pifarm("dataset", "add", "digits", str(digits)).out.endswith(", known already\n")
    (listed,) = read_json(pifarm, "dataset", "list")
    assert (listed["dataset"], listed["examples"], listed["objects"], listed["studies"]) == ("digits", 2, 1, 0)
    assert read_json(pifarm, "dataset", "show", "digits") == listed
    assert "classes: 0, 1, 2" in pifarm("dataset", "show", "digits").out


def test_boards_are_asked_in_a_study_of_its_own_kind(pifarm: Pifarm, digits: Path) -> None:
    pifarm("dataset", "add", "digits", str(digits))
    assert pifarm("model", "task", MODEL, str(TASK_FILE)).out.startswith(f"{MODEL}: detection of 10 classes by yolov8")
    assert "task: detection of 10 classes" in pifarm("model", "show", MODEL).out
    assert [line["action"] for line in read_json(pifarm, "audit")].count("model task") == 1
    ended = pifarm("accuracy", MODEL, "--dataset", "digits", "--variant", "fp32", "--no-wait")
    assert ended.exit_code == 0 and "study 1: 1 run on pi5-kitchen" in ended.out
    assert "on pi5-kitchen: one ready board of each type" in ended.err
    found = read_json(pifarm, "study", "show", "1")
    assert found["study"]["kind"] == "accuracy" and "scores" not in found
    assert "evaluated 0 of 2 examples of digits" in pifarm("study", "show", "1").out
    assert read_json(pifarm, "leaderboard") == {"rows": [], "excluded": []}


def test_what_cannot_be_answered_is_refused(pifarm: Pifarm, complain: Bad, digits: Path) -> None:
    pifarm("dataset", "add", "digits", str(digits))
    assert f"pifarm model task {MODEL} FILE" in complain("accuracy", MODEL, "--dataset", "digits")
    assert "model: 'none' is unknown" in complain("accuracy", "none", "--dataset", "digits")
    assert "data set: 'none' is unknown; there are digits" in complain("accuracy", MODEL, "--dataset", "none")
    assert "expected one of detection, classification, tensors" in complain(
        "dataset", "add", "x", str(digits), "--kind", "video"
    )
    assert "annotations.json (COCO)" in complain("dataset", "add", "x", "nowhere")
