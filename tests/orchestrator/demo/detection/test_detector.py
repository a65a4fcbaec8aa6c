"""The trained detectors are what their record says."""

import hashlib
import json
from pathlib import Path

import pytest

from orchestrator.analysis.accuracy.scoring import DetectionScores, score_detections
from orchestrator.datasets.coco import read_coco
from orchestrator.datasets.packing import pack_images
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import FILES, METRICS_FILE, MODEL_NAME, TASK_FILE, DetectorVariant, detector_variants
from orchestrator.demo.detection.dataset import write_dataset
from orchestrator.formats import read_model
from tests.orchestrator.analysis.accuracy.reference import assert_equal_to_pycocotools
from training.score import predict, score_files

pytestmark = pytest.mark.integration

VARIANTS = {variant.label: variant for variant in detector_variants()}
ONNX = ("onnx", "slim")


@pytest.fixture(scope="module")
def scored() -> dict[str, DetectionScores]:
    return dict(zip(ONNX, score_files([VARIANTS[label].path for label in ONNX]), strict=True))


def test_both_are_good_detectors_and_the_slim_one_is_smaller() -> None:
    big, slim = VARIANTS["onnx"], VARIANTS["slim"]
    assert [label for label, variant in VARIANTS.items() if variant.is_baseline] == ["onnx"]
    assert big.map50 > 0.95
    assert slim.map50 > 0.95
    assert slim.path.stat().st_size < big.path.stat().st_size / 2


@pytest.mark.parametrize("label", ONNX)
def test_a_file_scores_what_its_record_says(label: str, scored: dict[str, DetectionScores]) -> None:
    scores = scored[label]
    record = json.loads(METRICS_FILE.read_text(encoding="utf-8"))["validation"]
    assert (scores.images, scores.objects) == (record["images"], record["objects"])
    assert scores.map50 == pytest.approx(VARIANTS[label].map50, abs=0.002)
    assert scores.map50_95 == pytest.approx(VARIANTS[label].map50_95, abs=0.002)


def test_the_scores_of_the_study_are_those_of_pycocotools(tmp_path: Path) -> None:
    write_dataset(tmp_path, 60)
    data, task = read_coco(tmp_path), read_task(TASK_FILE)
    pack_images(data, data.files.keys(), tmp_path / "images.npz")
    found = predict(VARIANTS["slim"].path, tmp_path / "images.npz", data, task)
    scores = score_detections(data.truth, found, task.classes)
    assert_equal_to_pycocotools(scores, data.truth, found, task.classes)


@pytest.mark.parametrize("label", ONNX)
def test_a_file_is_a_model_in_the_manner_of_yolov8(label: str) -> None:
    model = read_model(VARIANTS[label].path)
    assert [(each.name, each.dtype, each.shape) for each in model.inputs] == [("images", "float32", (1, 3, 128, 128))]
    assert [(each.name, each.dtype, each.shape) for each in model.outputs] == [("output0", "float32", (1, 14, 320))]
    assert model.opset == {"ai.onnx": 17}


def test_the_files_are_small_and_name_no_machine() -> None:
    files = [path for path in FILES.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == len(files)
    here = str(Path(__file__).parents[4]).encode()
    for path in files:
        content = path.read_bytes()
        assert not [word for word in (here, b"/home/", b"/tmp/", b"site-packages") if word in content], path.name


def test_the_record_says_how_the_networks_came_about() -> None:
    record = json.loads(METRICS_FILE.read_text(encoding="utf-8"))
    assert record["model"] == MODEL_NAME
    assert set(record["training"]) == {"seed", "steps", "scenes_a_step"}
    assert {"torch", "onnx", "faster-coco-eval"} <= set(record["tools"])
    assert "CC BY 4.0" in record["data"]


def test_a_variant_without_a_file_or_with_an_impossible_map_cannot_exist(tmp_path: Path) -> None:
    path = VARIANTS["onnx"].path
    with pytest.raises(ValueError, match="expected a file"):
        DetectorVariant(label="x", path=tmp_path / "none", map50=1, map50_95=0.5, is_baseline=False)
    with pytest.raises(ValueError, match="expected mAPs"):
        DetectorVariant(label="x", path=path, map50=0.5, map50_95=0.6, is_baseline=False)
