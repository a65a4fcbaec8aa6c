"""LiteRT, formerly TensorFlow Lite, on the processor: .tflite files, by default through its XNNPACK delegate.

An inference sets the inputs, invokes, and takes a copy of every output: it is what users call. Its threads wait in a
pool of its own that offers no control of spinning.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import interpreter as litert

from agent.errors import RunFault
from agent.runtimes import Feeds, Quantised, Signature, pick_options
from agent.wire.spec import Scalar

PACKAGES = ("ai-edge-litert", "numpy")
SUFFIXES = (".tflite",)
_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, TypeError)
_DEFAULTS: Mapping[str, Scalar] = {"xnnpack": True}


class LiteRtSession:
    """An interpreter with its inputs and outputs."""

    def __init__(self, interpreter: Any, options: Mapping[str, Scalar]) -> None:
        self._interpreter = interpreter
        self.options = options
        self.inputs = [_signature(detail) for detail in interpreter.get_input_details()]
        self.outputs = [_signature(detail) for detail in interpreter.get_output_details()]

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call; shapes that the model leaves open are settled before it."""
        interpreter = self._interpreter
        details = {detail["name"]: detail for detail in interpreter.get_input_details()}
        for name, tensor in feeds.items():
            if tuple(details[name]["shape"]) != tensor.shape:
                interpreter.resize_tensor_input(details[name]["index"], tensor.shape)
        interpreter.allocate_tensors()
        given = [(details[name]["index"], tensor) for name, tensor in feeds.items()]
        wanted = [detail["index"] for detail in interpreter.get_output_details()]
        return functools.partial(_infer, interpreter, given, wanted)


class LiteRtRuntime:
    """The installed LiteRT."""

    version = metadata.version("ai-edge-litert")
    errors = _ERRORS

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> LiteRtSession:
        """Load a .tflite file."""
        if path.suffix not in SUFFIXES:
            raise RunFault("bad_model", f"spec.main_file: expected .tflite, got {path.name}")
        used = pick_options(options, _DEFAULTS)
        kinds = litert.OpResolverType
        resolver = kinds.AUTO if used["xnnpack"] else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            interpreter = litert.Interpreter(
                model_path=str(path), num_threads=threads, experimental_op_resolver_type=resolver
            )
        except _ERRORS as error:
            raise RunFault("bad_model", f"litert {self.version} refuses {path.name}: {error}") from error
        return LiteRtSession(interpreter, {**used, "intra_op_threads": threads})


def open_runtime() -> LiteRtRuntime:
    """LiteRT as it is installed."""
    return LiteRtRuntime()


def _infer(interpreter: Any, given: Sequence[tuple[int, Any]], wanted: Sequence[int]) -> list[Any]:
    for index, tensor in given:
        interpreter.set_tensor(index, tensor)
    interpreter.invoke()
    return [interpreter.get_tensor(index) for index in wanted]


def _signature(detail: Mapping[str, Any]) -> Signature:
    sizes = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    shape = tuple(int(size) if size >= 0 else None for size in sizes)
    scale, zero = detail["quantization"]  # (0.0, 0) where it is not, or by channel, which no input or output is
    quantised = Quantised(scale=float(scale), zero=int(zero)) if scale else None
    return Signature(name=str(detail["name"]), dtype=np.dtype(detail["dtype"]).name, shape=shape, quantised=quantised)
