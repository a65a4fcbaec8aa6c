"""The demo model's files are what they claim to be: four different files, each as accurate as its record says."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from orchestrator.demo import FILES, MODEL_NAME, DemoVariant, demo_variants
from orchestrator.demo.digits import Digits, load_held_out, to_tensors
from orchestrator.demo.export import pruned, write_onnx
from orchestrator.demo.network import Network, loss_and_gradients, new_network
from orchestrator.demo.score import accuracy
from orchestrator.formats import read_model

pytestmark = pytest.mark.integration

VARIANTS = {variant.label: variant for variant in demo_variants()}


@pytest.fixture(scope="module")
def held_out() -> Digits:
    return load_held_out()


@pytest.fixture(scope="module")
def network() -> Network:
    return new_network(np.random.default_rng(1))


def initializers(path: Path) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def test_there_are_four_variants_and_one_is_the_baseline() -> None:
    assert list(VARIANTS) == ["onnx", "ort", "pruned-20", "int8"]
    assert [label for label, variant in VARIANTS.items() if variant.is_baseline] == ["onnx"]


@pytest.mark.parametrize("label", VARIANTS)
def test_a_variant_is_as_accurate_as_its_record_says(label: str, held_out: Digits) -> None:
    assert accuracy(VARIANTS[label].path, held_out) == pytest.approx(VARIANTS[label].accuracy, abs=0.002)


def test_the_baseline_is_a_good_classifier() -> None:
    assert VARIANTS["onnx"].accuracy >= 0.97


def test_the_record_says_how_the_accuracy_was_measured(held_out: Digits) -> None:
    metrics = json.loads((FILES / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["model"] == MODEL_NAME
    assert metrics["test_images"] == len(held_out.labels) == 360
    assert set(metrics["tools"]) == {"python", "numpy", "onnx", "onnxruntime", "scikit-learn"}
    assert "CC BY 4.0" in metrics["data"]


def test_the_held_out_images_are_those_that_the_seed_splits_off() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    seed = json.loads((FILES / "metrics.json").read_text(encoding="utf-8"))["split_seed"]
    with np.load(FILES / "held-out.npz") as stored:
        indices = stored["indices"]
        assert np.array_equal(indices, np.random.default_rng(seed).permutation(len(digits.images))[: len(indices)])
        assert np.array_equal(stored["images"], digits.images[indices])
        assert np.array_equal(stored["labels"], digits.target[indices])


def test_the_four_files_differ_and_are_small() -> None:
    contents = [variant.path.read_bytes() for variant in VARIANTS.values()]
    assert len({hashlib.sha256(content).digest() for content in contents}) == 4
    assert sum(path.stat().st_size for path in FILES.iterdir() if path.is_file()) < 2_000_000


def test_pruning_zeroed_a_fifth_of_each_tensor_but_the_first() -> None:
    baseline, sparse = initializers(VARIANTS["onnx"].path), initializers(VARIANTS["pruned-20"].path)
    weights = [name for name in baseline if name.endswith(".weight")]
    for name in weights[1:]:
        zeros = sparse[name] == 0
        assert zeros.mean() == pytest.approx(0.2, abs=0.001)
        assert np.abs(baseline[name][zeros]).max() <= np.abs(baseline[name][~zeros]).min()
        assert np.array_equal(sparse[name][~zeros], baseline[name][~zeros])
    assert np.array_equal(sparse[weights[0]], baseline[weights[0]])
    assert not any((baseline[name] == 0).any() for name in weights)


def test_the_int8_file_computes_in_int8() -> None:
    path = VARIANTS["int8"].path
    operators = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert operators["QuantizeLinear"] >= 6
    assert operators["DequantizeLinear"] >= 12
    weights = [tensor for name, tensor in initializers(path).items() if name.endswith(".weight_quantized")]
    assert len(weights) == 6
    assert {tensor.dtype for tensor in weights} == {np.dtype(np.int8)}


def test_int8_weights_leave_room_for_processors_without_vnni() -> None:
    weights = initializers(VARIANTS["int8"].path)
    assert max(np.abs(weights[name].astype(int)).max() for name in weights if name.endswith("weight_quantized")) <= 64


def test_the_ort_file_needs_no_x86_layout() -> None:

    assert b"ReorderOutput" not in VARIANTS["ort"].path.read_bytes()


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda variant: variant.label)
def test_every_variant_is_a_model_with_the_same_signature(variant: DemoVariant) -> None:
    model = read_model(variant.path)
    assert [(each.name, each.dtype, each.shape) for each in model.inputs] == [("image", "float32", (1, 1, 32, 32))]
    assert [(each.name, each.dtype, each.shape) for each in model.outputs] == [("logits", "float32", (1, 10))]


def test_a_variant_without_a_file_or_with_an_impossible_accuracy_cannot_exist(tmp_path: Path) -> None:
    path = VARIANTS["onnx"].path
    with pytest.raises(ValueError, match="expected a file"):
        DemoVariant(label="x", path=tmp_path / "none", accuracy=1, is_baseline=False)
    with pytest.raises(ValueError, match="accuracy"):
        DemoVariant(label="x", path=path, accuracy=99.2, is_baseline=False)


def test_upscaling_keeps_flat_images_flat_and_corners_in_place() -> None:
    flat = np.full((1, 8, 8), 16, np.uint8)
    assert np.array_equal(to_tensors(flat), np.ones((1, 1, 32, 32), np.float32))
    dot = np.zeros((1, 8, 8), np.uint8)
    dot[0, 0, 7] = 16
    upscaled = to_tensors(dot)[0, 0]
    assert upscaled[0, 31] == 1
    assert upscaled[:, :24].max() == upscaled[8:].max() == 0


def test_the_gradients_are_those_of_the_loss(network: Network) -> None:
    """A small step along the gradient lowers the loss by the step times the gradient's squared length."""
    random = np.random.default_rng(2)
    images = random.uniform(size=(4, 32, 32, 1)).astype(np.float32)
    labels = np.array([0, 3, 3, 9])
    _, *gradients = loss_and_gradients(network, images, labels)
    for kind, tensors in enumerate((network.weights, network.biases)):
        for index, gradient in enumerate(gradients[kind]):
            step = 1e-2 / np.linalg.norm(gradient)
            losses = []
            for direction in (1, -1):
                moved = Network(weights=list(network.weights), biases=list(network.biases))
                target = moved.weights if kind == 0 else moved.biases
                target[index] = (tensors[index] + direction * step * gradient).astype(np.float32)
                losses.append(loss_and_gradients(moved, images, labels)[0])
            slope = (losses[0] - losses[1]) / (2 * step)
            assert slope == pytest.approx(float((gradient**2).sum()), rel=0.05)


def test_the_onnx_file_computes_what_the_trained_network_computes(network: Network, tmp_path: Path) -> None:
    """numpy's and onnxruntime's classes agree, so that no layout was swapped on the way out."""
    write_onnx(network, tmp_path / "x.onnx")
    tensors = np.random.default_rng(3).uniform(size=(4, 1, 32, 32)).astype(np.float32)
    images = tensors.transpose(0, 2, 3, 1)
    losses = [
        [loss_and_gradients(network, images[i : i + 1], np.array([label]))[0] for label in range(10)] for i in range(4)
    ]
    classes = np.argmin(losses, axis=1)
    assert accuracy(tmp_path / "x.onnx", Digits(tensors=tensors, labels=classes)) == 1


def test_pruning_leaves_the_network_itself_alone(network: Network) -> None:
    before = [tensor.copy() for tensor in network.weights]
    assert (pruned(network, 0.5).weights[1] == 0).mean() == pytest.approx(0.5, abs=0.001)
    assert all(np.array_equal(one, other) for one, other in zip(before, network.weights, strict=True))
