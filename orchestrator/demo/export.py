"""Writes a trained network as the demo's variants: ONNX, ORT format, pruned, int8.

Between `network.py` and the files. Each function writes one file. Uses onnx and onnxruntime, both of which
every pifarm has.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from orchestrator.demo import MODEL_NAME
from orchestrator.demo.digits import CLASSES, INPUT_SIDE, Floats
from orchestrator.demo.network import KERNEL, LAYERS, POOLED_SIDE, Network

# Old enough for every runtime of the last years, new enough for per-channel DequantizeLinear (13).
OPSET: Final = 17
IR_VERSION: Final = 8
INPUT: Final = "image"
OUTPUT: Final = "logits"

Part = tuple[list[NodeProto], list[TensorProto]]
"""Some nodes of the graph, in order, and the weights that they use."""


def write_onnx(network: Network, path: Path) -> None:
    """The network as fp32 ONNX: `image` float32 (1, 1, 32, 32) -> `logits` float32 (1, 10)."""
    nodes, weights = _convolutions(network)
    head_nodes, head_weights = _head(network, nodes[-1].output[0])
    graph = helper.make_graph(
        nodes + head_nodes,
        MODEL_NAME,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 1, INPUT_SIDE, INPUT_SIDE])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, CLASSES])],
        weights + head_weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="pifarm", opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _convolutions(network: Network) -> Part:
    """Convolution and ReLU of each layer; ONNX wants kernels as (out, in, rows, columns)."""
    nodes, weights, value = [], [], INPUT
    for index, layer in enumerate(LAYERS):
        conv, relu = f"conv{index}", f"relu{index}"
        names = [f"{conv}.weight", f"{conv}.bias"]
        kernels = network.weights[index].reshape(KERNEL, KERNEL, layer.channels_in, layer.channels_out)
        weights += _tensors(names, kernels.transpose(3, 2, 0, 1), network.biases[index])
        strides = [layer.stride, layer.stride]
        nodes += [
            helper.make_node("Conv", [value, *names], [conv], conv, pads=[1] * 4, strides=strides),
            helper.make_node("Relu", [conv], [relu], relu),
        ]
        value = relu
    return nodes, weights


def _head(network: Network, value: str) -> Part:
    """The means of the quarters and the linear layer, whose rows ONNX flattens as (channel, row, column)."""
    window = [INPUT_SIDE // math.prod(layer.stride for layer in LAYERS) // POOLED_SIDE] * 2
    names = ["linear.weight", "linear.bias"]
    linear = network.weights[-1].reshape(POOLED_SIDE, POOLED_SIDE, -1, CLASSES).transpose(2, 0, 1, 3)
    nodes = [
        helper.make_node("AveragePool", [value], ["pooled"], "pool", kernel_shape=window, strides=window),
        helper.make_node("Flatten", ["pooled"], ["features"], "flatten"),
        helper.make_node("Gemm", ["features", *names], [OUTPUT], "linear"),
    ]
    return nodes, _tensors(names, linear.reshape(-1, CLASSES), network.biases[-1])


def _tensors(names: list[str], *values: Floats) -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in zip(names, values, strict=True)
    ]


def pruned(network: Network, share: float) -> Network:
    """A copy with the smallest weights of each tensor, by magnitude, set to zero: `share` of them.

    Left whole, as is usual: the first convolution (288 weights, all of the input goes through it) and the
    biases. Zeros do not speed up dense kernels: onnxruntime multiplies them like any other weight, and stores
    them in as many bytes. What pruning offers here is a changed accuracy at the same latency, which is the
    thing a benchmark must show.
    """
    weights = [
        network.weights[0].copy(),
        *(_without_smallest(tensor, share) for tensor in network.weights[1:]),
    ]
    return Network(weights=weights, biases=[bias.copy() for bias in network.biases])


def _without_smallest(tensor: Floats, share: float) -> Floats:
    remaining = tensor.copy()
    smallest = np.argsort(np.abs(tensor), axis=None, kind="stable")[: round(share * tensor.size)]
    remaining.flat[smallest] = 0
    return remaining


def write_int8(source: Path, path: Path, calibration: Floats) -> None:
    """`source` with weights and activations in int8: static QDQ quantisation, per channel.

    `calibration`: images that training saw, float32 (n, 1, 32, 32); their ranges become the activations'
    scales. Weights use 7 of their 8 bits (reduce_range): x86 processors without VNNI add products in
    saturating 16-bit arithmetic, and with full 8-bit weights the same file would score differently there than
    on a Pi.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # its base is untyped
        def __init__(self) -> None:
            self.remaining = iter(calibration)

        def get_next(self) -> dict[str, Floats] | None:
            image = next(self.remaining, None)
            return None if image is None else {INPUT: image[np.newaxis]}

    quantize_static(
        source,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )


def write_ort(source: Path, path: Path) -> None:
    """`source` in ORT format, by onnxruntime's own converter, for any processor.

    Style 'Fixed': every optimisation is in the file and none is left to the load. No target platform is
    named, so the converter leaves out the NCHWc layout, the one rewrite that fits x86 only; what remains
    (fused Conv + Relu) has kernels on aarch64 too. The price: on x86 this file can be slower than the ONNX
    file, which gets NCHWc at load.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copy(source, Path(folder) / "model.onnx")
        converter = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort"]
        subprocess.run(
            [*converter, "--optimization_style", "Fixed", "--output_dir", folder, str(model)],
            check=True,
            capture_output=True,
        )
        shutil.copy(Path(folder) / "model.ort", path)
