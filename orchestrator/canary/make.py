"""Writes the canary's network: ``python -m orchestrator.canary.make`` gives the file that is in the repository.

Six 3x3 convolutions with seeded weights over float32 (1, 16, 32, 32), 14 million multiply-adds: a few milliseconds on a
Pi. The file is kept, not made anew, so that its hash and with it every device's history outlive new versions of `onnx`.
Benchmarks make networks of other sizes by it, which take a certain time.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from orchestrator.canary.workload import FILE

LAYERS, CHANNELS, SIZE, SEED = 6, 16, 32, 7
OPSET, IR_VERSION = 13, 8  # old enough for every onnxruntime that a board may have


def write_network(path: Path, *, layers: int, channels: int, size: int) -> None:
    """Write `layers` of 3x3 convolution and ReLU over float32 (1, channels, size, size), with seeded weights."""
    shape = [1, channels, size, size]
    random = np.random.default_rng(SEED)
    scale = (2 / (9 * channels)) ** 0.5
    nodes, weights = [], []
    for layer in range(layers):
        kernel = (random.standard_normal((channels, channels, 3, 3)) * scale).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"kernel{layer}"))
        nodes.append(helper.make_node("Conv", [f"x{layer}", f"kernel{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"x{layer + 1}"]))
    graph = helper.make_graph(
        nodes,
        "canary",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    write_network(FILE, layers=LAYERS, channels=CHANNELS, size=SIZE)
