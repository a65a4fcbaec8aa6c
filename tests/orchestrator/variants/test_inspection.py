"""Work, traffic and weights of a network, against counts made by hand."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from orchestrator.errors import ModelError
from orchestrator.variants.inspection import inspect
from tests.orchestrator.variants.networks import Builder, chain


def save(path: Path, nodes: list[onnx.NodeProto], inputs: dict[str, tuple[int | str, ...]], **weights: object) -> Path:
    value = helper.make_tensor_value_info
    given = [value(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    tensors = [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", given, [value("y", TensorProto.FLOAT, None)], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_convolution_counts_two_operations_for_each_product_and_one_for_its_bias(tmp_path: Path) -> None:
    net = Builder()
    found = inspect(net.save(tmp_path / "net.onnx", net.conv("c1", "x", 3, 8), 8))
    (layer,) = found.layers
    outputs = 8 * 16 * 16
    assert layer.flops == 2 * outputs * 3 * 3 * 3 + outputs
    assert layer.parameters == found.parameters == 8 * 3 * 3 * 3 + 8
    assert layer.moved_bytes == 4 * (3 * 16 * 16 + 8 * 3 * 3 * 3 + 8 + outputs)
    assert (found.unknown, found.opset, found.operators) == (0, {"ai.onnx": 17}, {"Conv": 1})


def test_a_grouped_convolution_does_less(tmp_path: Path) -> None:
    net = Builder()
    found = inspect(net.save(tmp_path / "net.onnx", net.conv("c1", net.conv("c0", "x", 3, 8), 8, 8, group=8), 8))
    assert found.layers[1].flops == 2 * 8 * 16 * 16 * 1 * 3 * 3 + 8 * 16 * 16


@pytest.mark.parametrize(("transposed", "shape"), [(0, (6, 5)), (1, (5, 6))])
def test_a_gemm_counts_its_inner_size(tmp_path: Path, transposed: int, shape: tuple[int, int]) -> None:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=transposed)
    path = save(tmp_path / "net.onnx", [node], {"x": (2, 6)}, w=np.ones(shape), b=np.ones(5))
    assert inspect(path).flops == 2 * 2 * 5 * 6 + 2 * 5


def test_moving_data_is_no_work_and_an_activation_is_one_per_element(tmp_path: Path) -> None:
    nodes = [helper.make_node("Transpose", ["x"], ["t"]), helper.make_node("Relu", ["t"], ["y"])]
    found = inspect(save(tmp_path / "net.onnx", nodes, {"x": (4, 5)}))
    assert [layer.flops for layer in found.layers] == [0, 20]


def test_an_open_batch_is_one_and_other_open_sizes_can_be_given(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    path = save(tmp_path / "net.onnx", [node], {"x": ("batch", "width")})
    assert inspect(path).unknown == 1
    assert inspect(path, {"x": (2, 7)}).flops == 14
    with pytest.raises(ModelError, match="expected 2 sizes, got 1"):
        inspect(path, {"x": (2,)})
    with pytest.raises(ModelError, match="there is no such input, it has x"):
        inspect(path, {"z": (2, 7)})


def test_statistics_and_sparsity_are_those_of_the_stored_weights(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"])
    path = save(tmp_path / "net.onnx", [node], {"x": (1, 4)}, w=[0, 0, -2, 6])
    (found,) = inspect(path).weights
    assert (found.sparsity, found.mean, found.least, found.greatest) == (0.5, 1.0, -2.0, 6.0)
    assert inspect(path).sparsity == 0.5


def test_every_layer_of_a_backbone_is_known(tmp_path: Path) -> None:
    found = inspect(chain(tmp_path / "net.onnx"))
    assert found.unknown == 0
    assert found.inputs == {"x": (1, 3, 16, 16)}
    assert found.flops == sum(layer.flops or 0 for layer in found.layers)
