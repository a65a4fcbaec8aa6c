"""A convolutional network of a wanted size with seeded weights, for benchmarks that need a certain inference time."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 10
SEED = 20


def write_model(path: Path, *, layers: int, channels: int, size: int) -> None:
    """Write `layers` of 3x3 convolution and ReLU over float32 (1, channels, size, size)."""
    shape = [1, channels, size, size]
    random = np.random.default_rng(SEED)
    scale = (2 / (9 * channels)) ** 0.5
    nodes, weights = [], []
    for layer in range(layers):
        kernel = (random.standard_normal((channels, channels, 3, 3)) * scale).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{layer}"))
        nodes.append(helper.make_node("Conv", [f"x{layer}", f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"x{layer + 1}"]))
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
