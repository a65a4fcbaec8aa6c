"""What static quantisation leaves in single precision, and what it costs a detector otherwise."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from orchestrator.variants.precision import quantise_statically, tail_of
from orchestrator.variants.recipe import Recipe
from tests.orchestrator.variants.networks import SIZE, Builder

pytestmark = pytest.mark.integration


def detector(path: Path) -> Path:
    """Boxes that reach to hundreds and scores up to 1, in one output."""
    net = Builder()
    net.weights.append(onnx.numpy_helper.from_array(np.array(200.0, np.float32), "hundreds"))
    boxes = net.add("Mul", [net.add("Sigmoid", [net.conv("c1", "x", 3, 4)], "s1"), "hundreds"], "boxes")
    scores = net.add("Sigmoid", [net.conv("c2", "x", 3, 2)], "scores")
    return net.save(path, net.add("Concat", [boxes, scores], "out", axis=1), 6)


def test_the_tail_is_what_no_layer_with_products_follows(tmp_path: Path) -> None:
    net = Builder()
    inner = net.add("Concat", [net.conv("c1", "x", 3, 4), net.conv("c2", "x", 3, 4)], "inner", axis=1)
    outer = net.add("Concat", [net.conv("c3", inner, 8, 4), "x"], "outer", axis=1)
    path = net.save(tmp_path / "net.onnx", net.add("Sigmoid", [outer], "out"), 7)
    assert tail_of(onnx.load(path).graph) == ["out", "outer"]


def test_scores_beside_boxes_keep_their_resolution(tmp_path: Path) -> None:
    parent = detector(tmp_path / "net.onnx")
    rng = np.random.default_rng(2)
    images = rng.standard_normal((20, 3, SIZE, SIZE)).astype(np.float32)
    np.savez(tmp_path / "examples.npz", x=images)
    (tmp_path / "made").mkdir()
    made = quantise_statically(
        parent, tmp_path / "made", Recipe(name="int8-static", argument="u8s8"), tmp_path / "examples.npz"
    )
    right, found = (
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": images[:1]})[0]
        for path in (parent, made.main)
    )
    scores = found[0, 4:]
    assert len(np.unique(scores)) > 50, "with one scale for both there would be two or three"
    assert np.abs(scores - right[0, 4:]).mean() < 0.05


def test_nodes_without_names_are_quantised_but_for_the_tail(tmp_path: Path) -> None:
    parent = detector(tmp_path / "net.onnx")
    model = onnx.load(parent)
    for node in model.graph.node:
        node.name = ""
    onnx.save(model, parent)
    np.savez(tmp_path / "examples.npz", x=np.ones((2, 3, SIZE, SIZE), np.float32))
    (tmp_path / "made").mkdir()
    made = quantise_statically(
        parent, tmp_path / "made", Recipe(name="int8-static", argument="u8s8"), tmp_path / "examples.npz"
    )
    nodes = onnx.load(made.main).graph.node
    dequantised = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    assert [node.input[0] in dequantised for node in nodes if node.op_type == "Conv"] == [True, True]
    tail = [node for node in nodes if node.op_type in ("Sigmoid", "Mul", "Concat")]
    made_of = {name: node.op_type for node in nodes for name in node.output}
    sources = [made_of.get(name, "weight") for node in tail for name in node.input]
    assert sorted(sources) == ["DequantizeLinear", "DequantizeLinear", "Mul", "Sigmoid", "Sigmoid", "weight"]
