"""Weights that become zero, and filters that go."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from orchestrator.variants.channels import prune_channels
from orchestrator.variants.pruning import prune
from orchestrator.variants.recipe import DENSE, Recipe, RecipeRefused
from tests.orchestrator.variants.networks import Builder, chain, joined, weights_of

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    return made


def answer(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    found: np.ndarray = session.run(None, {"x": np.random.default_rng(3).standard_normal(shape).astype(np.float32)})[0]
    return found


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_smallest_weights_of_each_layer_become_zero_and_no_other_changes(
    tmp_path: Path, folder: Path, share: float
) -> None:
    parent = chain(tmp_path / "net.onnx")
    made = prune(parent, folder, Recipe(name="prune", argument=str(share)))
    before, after = weights_of(parent), weights_of(made.main)
    for name in ("c1.w", "c2.w", "c3.w"):
        zeros = after[name] == 0
        assert zeros.sum() == round(share * zeros.size)
        assert np.abs(before[name][zeros]).max() <= np.abs(before[name][~zeros]).min()
        assert (after[name][~zeros] == before[name][~zeros]).all()
    assert all((after[name] == before[name]).all() for name in ("c1.b", "n1.scale"))
    assert DENSE in made.notes


def test_a_recipe_gives_the_same_bytes_again(tmp_path: Path, folder: Path) -> None:
    parent = chain(tmp_path / "net.onnx")
    recipe = Recipe(name="prune", argument="0.3")
    first = prune(parent, folder, recipe).main.read_bytes()
    assert prune(parent, folder, recipe).main.read_bytes() == first


def test_filters_go_with_everything_that_has_a_part_for_them(tmp_path: Path, folder: Path) -> None:
    made = prune_channels(chain(tmp_path / "net.onnx"), folder, Recipe(name="prune-channels", argument="0.25"))
    shapes = {name: array.shape for name, array in weights_of(made.main).items()}
    assert shapes["c1.w"] == (12, 3, 3, 3)
    assert shapes["c1.b"] == shapes["n1.scale"] == shapes["n1.variance"] == (12,)
    assert shapes["c2.w"] == (24, 12, 3, 3)
    assert shapes["c3.w"] == (8, 24, 3, 3), "the outputs of the network stay"
    assert answer(made.main).shape == (1, 8, 16, 16)
    assert made.notes[0].startswith("filters were taken out of 2 of 3 convolutions: ")


def test_a_filter_of_zeros_can_go_without_a_trace(tmp_path: Path, folder: Path) -> None:
    net = Builder()
    relu = net.add("Relu", [net.conv("c1", "x", 3, 8)], "r1")
    parent = net.save(tmp_path / "net.onnx", net.conv("c2", relu, 8, 4), 4)
    model = onnx.load(parent)
    for tensor in model.graph.initializer:
        if tensor.name in ("c1.w", "c1.b"):
            values = onnx.numpy_helper.to_array(tensor).copy()
            values[[2, 5]] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, parent)
    made = prune_channels(parent, folder, Recipe(name="prune-channels", argument="0.25"))
    assert weights_of(made.main)["c1.w"].shape[0] == 6
    np.testing.assert_allclose(answer(made.main), answer(parent), rtol=1e-5, atol=1e-5)


def test_filters_whose_channels_meet_another_branch_stay(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(RecipeRefused, match="no convolution of this network can lose filters"):
        prune_channels(joined(tmp_path / "net.onnx"), folder, Recipe(name="prune-channels", argument="0.5"))


def test_filters_before_a_grouped_convolution_stay(tmp_path: Path, folder: Path) -> None:
    net = Builder()
    deep = net.conv("c2", net.conv("c1", "x", 3, 8), 8, 8, group=8)
    parent = net.save(tmp_path / "net.onnx", net.conv("c3", deep, 8, 4), 4)
    with pytest.raises(RecipeRefused):
        prune_channels(parent, folder, Recipe(name="prune-channels", argument="0.5"))


def test_a_network_without_weights_cannot_be_pruned(tmp_path: Path, folder: Path) -> None:
    net = Builder()
    parent = net.save(tmp_path / "net.onnx", net.add("Relu", ["x"], "r"), 3)
    with pytest.raises(RecipeRefused, match="has no single-precision weights"):
        prune(parent, folder, Recipe(name="prune", argument="0.2"))
