"""OpenVINO on the processor: an .xml file with the .bin file of the same name that holds its weights, or an .onnx file.

An inference is ``InferRequest.infer`` with the inputs by name: it is what users call. One stream, the hint for latency,
so that a single inference gets all threads. Its pool of threads offers no control of spinning.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openvino

from agent.errors import RunFault
from agent.runtimes import Feeds, Signature, pick_options
from agent.wire.spec import Scalar

PACKAGES = ("openvino", "numpy")
SUFFIXES = (".xml", ".onnx")
_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, TypeError)
_DEFAULTS: Mapping[str, Scalar] = {"precision": "f32", "cpu_pinning": False}


class OpenVinoSession:
    """A compiled model and its one request."""

    def __init__(self, compiled: Any, options: Mapping[str, Scalar]) -> None:
        self._compiled = compiled
        self.options = options
        self.inputs = [_signature(port) for port in compiled.inputs]
        self.outputs = [_signature(port) for port in compiled.outputs]

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: ``infer``, and a copy of every output."""
        by_place = {place: feeds[signature.name] for place, signature in enumerate(self.inputs)}
        return functools.partial(_infer, self._compiled.create_infer_request(), by_place)


class OpenVinoRuntime:
    """The installed OpenVINO with its CPU plug-in."""

    version = str(openvino.__version__)
    errors = _ERRORS

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> OpenVinoSession:
        """Load an .xml file and its weights, or an .onnx file."""
        if path.suffix not in SUFFIXES:
            raise RunFault("bad_model", f"spec.main_file: expected .xml or .onnx, got {path.name}")
        used = pick_options(options, _DEFAULTS)
        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": str(used["precision"]),
            "ENABLE_CPU_PINNING": bool(used["cpu_pinning"]),
        }
        try:
            compiled = core.compile_model(core.read_model(str(path)), "CPU", settings)
        except _ERRORS as error:
            raise RunFault("bad_model", f"openvino {self.version} refuses {path.name}: {error}") from error
        return OpenVinoSession(compiled, {**used, "intra_op_threads": threads, "streams": 1})


def open_runtime() -> OpenVinoRuntime:
    """OpenVINO as it is installed."""
    return OpenVinoRuntime()


def _infer(request: Any, feeds: Mapping[int, Any]) -> list[Any]:
    return list(request.infer(feeds).values())


def _signature(port: Any) -> Signature:
    name = port.get_any_name() if port.get_names() else port.get_node().get_friendly_name()
    shape = tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())
    return Signature(name=name, dtype=port.get_element_type().to_dtype().name, shape=shape)
