"""The detector in a farm, with everything that the factory makes of it, as accurate as its owner may expect."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from orchestrator.config import Settings
from orchestrator.demo.detection import FILES, MODEL_NAME
from orchestrator.demo.detection.preparing import PRUNED_SHARE, RECIPES, WITHOUT_TORCH, add_detector, add_scenes
from orchestrator.demo.detection.pruned_torchscript import write_pruned
from orchestrator.errors import NotFoundError
from orchestrator.farm import Farm, open_farm
from orchestrator.queries.datasets import list_datasets
from orchestrator.queries.models import get_model
from orchestrator.variants.make import unpacked
from training.score import score_files

pytestmark = pytest.mark.integration
SCENES = 150


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A farm that was prepared for the demo twice."""
    made = open_farm(Settings(home=tmp_path_factory.mktemp("farm")))
    for _ in range(2):
        add_detector(made, WITHOUT_TORCH, lambda text: None)
    yield made
    made.database.engine.dispose()


@pytest.fixture(scope="module")
def files(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The baseline's file and those of two variants that were made of it, by label."""
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for build in get_model(farm.database, MODEL_NAME).builds:
        if build.label in ("onnx", "pruned-20", "int8-static"):
            with unpacked(farm, build) as path:
                found[build.label] = Path(shutil.copyfile(path, folder / f"{build.label}.onnx"))
    return found


def test_what_the_factory_made_is_registered_once_with_its_recipe(farm: Farm) -> None:
    builds = get_model(farm.database, MODEL_NAME).builds
    assert sorted(build.label for build in builds) == sorted(WITHOUT_TORCH)
    assert {build.label: build.lineage["recipe"] for build in builds if build.lineage}.keys() == RECIPES.keys()
    assert [build.label for build in builds if build.is_baseline] == ["onnx"]


def test_the_scenes_are_registered_once(farm: Farm) -> None:
    for _ in range(2):
        add_scenes(farm)
    (dataset,) = list_datasets(farm.database)
    assert (dataset.dataset, dataset.examples, dataset.objects) == ("digit-scenes", 500, 1719)


def test_a_fifth_of_the_weights_of_each_layer_is_zero(files: dict[str, Path]) -> None:
    weights = {
        label: {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
        for label, path in files.items()
        if label != "int8-static"
    }
    layers = [name for name, before in weights["onnx"].items() if before.ndim > 1 and name.endswith("weight")]
    assert len(layers) > 20
    for name in layers:
        zeros = weights["pruned-20"][name] == 0
        assert zeros.sum() == round(0.2 * zeros.size), name
        assert zeros.size < 500 or zeros.mean() == pytest.approx(0.2, abs=0.001), name


def test_pruned_torchscript_computes_what_the_pruned_onnx_file_computes(files: dict[str, Path], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with pytest.warns(DeprecationWarning):  # of TorchScript as a whole
        write_pruned(FILES / "big.torchscript", tmp_path / "pruned.torchscript", PRUNED_SHARE)
        module = torch.jit.load(str(tmp_path / "pruned.torchscript"))
    image = np.random.default_rng(1).random((1, 3, 128, 128), np.float32)
    session = onnxruntime.InferenceSession(files["pruned-20"], providers=["CPUExecutionProvider"])
    found = module(torch.from_numpy(image)).detach().numpy()
    assert found == pytest.approx(session.run(None, {"images": image})[0], abs=1e-3)


def test_static_int8_is_within_three_points_of_single_precision(files: dict[str, Path]) -> None:
    single, static = score_files([files["onnx"], files["int8-static"]], SCENES)
    assert single.map50 > 0.8
    assert static.map50 == pytest.approx(single.map50, abs=0.03)


def test_a_variant_that_is_neither_trained_nor_made_is_refused_with_a_list(farm: Farm) -> None:
    with pytest.raises(NotFoundError, match=r"has no 'int4'; it has onnx, slim, .*int8-static"):
        add_detector(farm, ["onnx", "int4"], lambda text: None)
