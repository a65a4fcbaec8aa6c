"""Recipes asked of networks that they cannot be carried out on: each refusal names the cause and the remedy."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from orchestrator.variants.recipe import PLAIN, Recipe, RecipeRefused
from orchestrator.variants.workshop import carry_out
from tests.orchestrator.variants.networks import SIZE, Builder, chain

pytestmark = pytest.mark.integration


def make(text: str, parent: Path, calibration: Path | None = None) -> Path:
    folder = parent.parent / text.replace(":", "-")
    folder.mkdir()
    return carry_out(Recipe.parse(text), parent, folder, calibration).main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network, and what is made of it."""
    folder = tmp_path_factory.mktemp("made")
    parent = chain(folder / "net.onnx")
    np.savez(folder / "examples.npz", x=np.random.default_rng(1).standard_normal((4, 3, SIZE, SIZE)))
    halves = {"fp32": parent, "fp16": make("fp16", parent), "dynamic": make("int8-dynamic", parent)}
    return {**halves, "static": make("int8-static", parent, folder / "examples.npz")}


@pytest.mark.parametrize(
    ("parent", "recipe", "words"),
    [
        ("fp16", "fp16", "fp16: the network is in half precision already"),
        ("fp16", "int8-dynamic", "int8-dynamic:s8: the network is in half precision already"),
        ("static", "int8-static", "the network is quantised already, it has DequantizeLinear, QuantizeLinear"),
        ("dynamic", "int8-static", "the network is quantised already, it has ConvInteger, DynamicQuantizeLinear"),
        ("static", "fp16", "fp16: the network is quantised already"),
        ("dynamic", "prune", "prune:0.2: the network has no single-precision weights in Conv"),
    ],
)
def test_what_is_no_single_precision_any_more_is_refused(
    made: dict[str, Path], tmp_path: Path, parent: str, recipe: str, words: str
) -> None:
    with pytest.raises(RecipeRefused, match=words) as refused:
        carry_out(Recipe.parse(recipe), made[parent], tmp_path, made["fp32"].parent / "examples.npz")
    assert str(refused.value).endswith(PLAIN)
    assert not list(tmp_path.iterdir())


def test_a_network_without_products_is_not_called_quantised(tmp_path: Path) -> None:
    net = Builder()
    parent = net.save(tmp_path / "net.onnx", net.add("Relu", ["x"], "r"), 3)
    with pytest.raises(RecipeRefused, match="no operator of this network can be quantised"):
        make("int8-dynamic", parent)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("prune", "weight of any layer would become zero"), ("prune-channels", "filter of any convol")],
)
def test_a_share_that_takes_nothing_is_refused(tmp_path: Path, recipe: str, words: str) -> None:
    with pytest.raises(RecipeRefused, match=f"not one {words}.*; give a larger share"):
        make(f"{recipe}:0.00001", chain(tmp_path / "net.onnx"))


def test_weights_in_a_file_of_their_own_come_along(tmp_path: Path) -> None:
    parent = tmp_path / "net.onnx"
    model = onnx.load(chain(tmp_path / "one.onnx"))
    onnx.save(model, parent, save_as_external_data=True, location="net.bin", size_threshold=0)
    for text in ("fp16", "prune:0.5", "int8-dynamic", "optimised"):
        assert all(not tensor.external_data for tensor in onnx.load(make(text, parent)).graph.initializer)


def test_a_network_that_no_one_file_can_hold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    parent = chain(tmp_path / "net.onnx")
    with (tmp_path / "net.bin").open("wb") as file:
        file.truncate(2**31)  # of nothing: it takes no room
    with pytest.raises(RecipeRefused, match=r"the network has 2\.0 GiB, and this recipe writes one ONNX file"):
        make("fp16", parent)
