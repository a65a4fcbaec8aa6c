"""Whether a runtime really works here: import it and run a tiny convolution that travels in the bundle."""

import pkgutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.errors import RunFault
from agent.inputs import invent_inputs
from agent.runtimes import Runtime, load_runtime
from agent.wire.spec import Inputs

TINY_MODELS = {
    "onnxruntime": ("tiny.onnx",),
    "torch": ("tiny.pt2",),
    "ncnn": ("tiny.ncnn.param", "tiny.ncnn.bin"),
    "litert": ("tiny.tflite",),
    "openvino": ("tiny.onnx",),
}


def try_runtime(name: str) -> str:
    """One line: ``works VERSION`` or ``fails REASON``."""
    try:
        runtime = load_runtime(name)
        if name in TINY_MODELS:
            _run_tiny(runtime, TINY_MODELS[name])
    except RunFault as fault:
        return f"fails {fault.message}"
    return f"works {runtime.version}"


def _run_tiny(runtime: Runtime, files: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            content = pkgutil.get_data("agent.runtimes", name)
            if content is None:
                raise RunFault("bad_model", f"the bundle has no {name}")
            (Path(folder) / name).write_bytes(content)
        session = runtime.load(Path(folder) / files[0], 1, {})
        try:
            session.bind(invent_inputs(session.inputs, Inputs()))()
        except runtime.errors as error:
            raise RunFault("inference_failed", f"the tiny model failed: {error}") from error
