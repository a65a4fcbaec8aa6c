"""One small network in every format: a 1 x 1 convolution of seeded weights and a ReLU, and what it answers."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, FILTERS, SIZE = 3, 4, 8
SHAPE = (1, CHANNELS, SIZE, SIZE)
_RNG = np.random.default_rng(11)
WEIGHTS = _RNG.standard_normal((FILTERS, CHANNELS)).astype(np.float32)
BIAS = _RNG.standard_normal(FILTERS).astype(np.float32)


def answer(image: Any) -> Any:
    """What every one of them has to answer, (1, filters, rows, columns)."""
    return np.maximum(np.einsum("fc,bcij->bfij", WEIGHTS, image) + BIAS[:, None, None], 0)


def save_onnx(folder: Path) -> Path:
    """As an .onnx file."""
    weights = [
        numpy_helper.from_array(WEIGHTS[:, :, None, None], "weights"),
        numpy_helper.from_array(BIAS, "bias"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights", "bias"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, (1, FILTERS, SIZE, SIZE))],
        weights,
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def save_ncnn(folder: Path) -> Path:
    """As a .param file with its .bin: a flag of four zero bytes, weights, bias."""
    lines = [
        "7767517",
        "2 2",
        f"Input image 0 1 image 0={SIZE} 1={SIZE} 2={CHANNELS}",
        f"Convolution conv 1 1 image answer 0={FILTERS} 1=1 5=1 6={WEIGHTS.size} 9=1",
    ]
    path = folder / "net.param"
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".bin").write_bytes(bytes(4) + WEIGHTS.tobytes() + BIAS.tobytes())
    return path


def save_openvino(folder: Path) -> Path:
    """As OpenVINO's own converter makes it."""
    import openvino

    path = folder / "net.xml"
    openvino.save_model(openvino.Core().read_model(str(save_onnx(folder))), str(path), compress_to_fp16=False)
    return path


def _module() -> Any:
    import torch

    layer = torch.nn.Conv2d(CHANNELS, FILTERS, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(WEIGHTS[:, :, None, None]))
        layer.bias.copy_(torch.from_numpy(BIAS))
    return torch.nn.Sequential(layer, torch.nn.ReLU()).eval()


def save_torchscript(folder: Path) -> Path:
    """As a traced program."""
    import torch

    path = folder / "net.torchscript"
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.trace(_module(), torch.zeros(SHAPE)).save(str(path))
    return path


def save_pt2(folder: Path) -> Path:
    """As a program of torch.export."""
    import torch

    path = folder / "net.pt2"
    program = torch.export.export(_module(), (torch.zeros(SHAPE),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # where it was made is nobody's business
    torch.export.save(program, str(path))
    return path


def save_litert(folder: Path) -> Path:
    """As a .tflite file, put together by LiteRT's own schema; its layout is channels-last."""
    from ai_edge_litert import schema_py_generated as schema

    kernel = np.ascontiguousarray(WEIGHTS[:, None, None, :])  # (filters, rows, columns, channels)
    tensors = [
        _tensor("image", (1, SIZE, SIZE, CHANNELS), 0),
        _tensor("weights", kernel.shape, 1),
        _tensor("bias", BIAS.shape, 2),
        _tensor("answer", (1, SIZE, SIZE, FILTERS), 0),
    ]
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [3], [operator]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [_buffer(content) for content in (b"", kernel.tobytes(), BIAS.tobytes())]
    return _write_litert(model, folder / "net.tflite")


def save_quantised_litert(folder: Path) -> Path:
    """A .tflite file of whole numbers only, int8 by a scale of 1/255 and a zero of -128: it lays its image in a row."""
    from ai_edge_litert import schema_py_generated as schema

    count = SIZE * SIZE * CHANNELS
    tensors = [
        _tensor("image", (1, SIZE, SIZE, CHANNELS), 0),
        _tensor("sizes", (2,), 1),
        _tensor("answer", (1, count), 0),
    ]
    for tensor in (tensors[0], tensors[2]):
        tensor.type, tensor.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [1 / 255], [-128]
    tensors[1].type = schema.TensorType.INT32
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1], [2]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [2], [operator]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    code.version = 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [_buffer(content) for content in (b"", np.array([1, count], np.int32).tobytes())]
    return _write_litert(model, folder / "quantised.tflite")


def _write_litert(model: Any, path: Path) -> Path:
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


def _tensor(name: str, shape: tuple[int, ...], buffer: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, list(shape), buffer, schema.TensorType.FLOAT32
    return tensor


def _buffer(content: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = list(content) if content else None
    return buffer


SAVERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "ncnn": ("ncnn", save_ncnn),
    "openvino": ("openvino", save_openvino),
    "openvino, from ONNX": ("openvino", save_onnx),
    "litert": ("litert", save_litert),
    "torchscript": ("torch", save_torchscript),
    "pt2": ("torch", save_pt2),
}
