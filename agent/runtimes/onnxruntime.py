"""ONNX Runtime on the processor: .onnx and .ort files, by its own kernels or, where the build has it, by XNNPACK.

An inference is a plain ``InferenceSession.run`` with bound arguments: it is what users call. Binding outputs ahead
(IOBinding) saved 2 to 4 microseconds an inference on x86_64, which would make a small model look faster than it is
in the field.

XNNPACK has a pool of threads of its own: with it ONNX Runtime's pool has one thread and does not spin.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from agent.errors import RunFault
from agent.runtimes import Feeds, Signature, pick_options
from agent.runtimes.ort_profile import read_trace
from agent.wire.profile import Profiled, Profiling
from agent.wire.spec import Scalar

_OWN = [error for error in vars(state).values() if isinstance(error, type) and issubclass(error, Exception)]
_ERRORS: tuple[type[Exception], ...] = (*_OWN, RuntimeError, ValueError, TypeError)
PACKAGES = ("onnxruntime", "numpy")
SUFFIXES = (".onnx", ".ort")
_DEFAULTS: Mapping[str, Scalar] = {
    "graph_optimization": "all",
    "allow_spinning": True,
    "memory_arena": True,
    "provider": "cpu",
}
_CPU, _XNNPACK = "CPUExecutionProvider", "XnnpackExecutionProvider"
_LEVELS = {
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_DTYPES = {"float": "float32", "double": "float64"}
_QUIET = 3  # errors only: whatever a runtime prints would be written somewhere


class OnnxSession:
    """A model loaded by ONNX Runtime."""

    def __init__(self, session: onnxruntime.InferenceSession, options: Mapping[str, Scalar]) -> None:
        self._session = session
        self.options = options
        self.inputs = [_signature(value) for value in session.get_inputs()]
        self.outputs = [_signature(value) for value in session.get_outputs()]

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: ``session.run`` of all outputs."""
        return functools.partial(self._session.run, [output.name for output in self.outputs], dict(feeds))


class OnnxRuntime:
    """The installed ONNX Runtime with its CPU execution provider."""

    version = onnxruntime.__version__
    errors = _ERRORS

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> OnnxSession:
        """Load an .onnx or .ort file."""
        if path.suffix not in SUFFIXES:
            raise RunFault("bad_model", f"spec.main_file: expected .onnx or .ort, got {path.name}")
        used = pick_options(options, _DEFAULTS)
        providers = _providers(str(used["provider"]), threads)
        if providers[0] != _CPU:
            used["allow_spinning"] = False
        intra_op = threads if providers[0] == _CPU else 1
        settings = _settings(intra_op, used)
        try:
            session = onnxruntime.InferenceSession(str(path), settings, providers=providers)
        except _ERRORS as error:
            raise RunFault("bad_model", f"onnxruntime {self.version} refuses {path.name}: {error}") from error
        facts: dict[str, Scalar] = {"provider": session.get_providers()[0], "intra_op_threads": intra_op}
        pool = {} if providers[0] == _CPU else {"xnnpack_threads": threads}
        return OnnxSession(session, {**used, **facts, "inter_op_threads": 1, **pool})

    def profile(
        self, path: Path, threads: int, options: Mapping[str, Scalar], feeds: Feeds, profiling: Profiling
    ) -> Profiled:
        """What ONNX Runtime's own profiler says of a few inferences; its trace lies in the working folder meanwhile."""
        used = pick_options(options, _DEFAULTS)
        providers = _providers(str(used["provider"]), threads)
        settings = _settings(threads if providers[0] == _CPU else 1, used)
        settings.enable_profiling = True
        settings.profile_file_prefix = str(Path.cwd() / "profile")
        session = onnxruntime.InferenceSession(str(path), settings, providers=providers)
        for _ in range(profiling.warm_ups + profiling.inferences):
            session.run(None, dict(feeds))
        trace = Path(session.end_profiling())
        try:
            profiled = read_trace(json.loads(trace.read_bytes()), warm_ups=profiling.warm_ups)
        except (OSError, ValueError) as error:
            raise RunFault("no_profiler", f"onnxruntime {self.version} left no readable trace: {error}") from error
        finally:
            trace.unlink(missing_ok=True)
        if profiled is None:
            raise RunFault("no_profiler", f"onnxruntime {self.version} left a trace without an inference")
        return profiled


def open_runtime() -> OnnxRuntime:
    """ONNX Runtime as it is installed."""
    return OnnxRuntime()


def _providers(name: str, threads: int) -> list[str | tuple[str, dict[str, str]]]:
    if name == "cpu":
        return [_CPU]
    if name != "xnnpack":
        raise RunFault("unknown_option", f"spec.runtime_options.provider: expected cpu or xnnpack, got {name!r}")
    if _XNNPACK not in onnxruntime.get_available_providers():
        has = ", ".join(onnxruntime.get_available_providers())
        raise RunFault("unknown_option", f"spec.runtime_options.provider: this build has no XNNPACK, it has {has}")
    return [(_XNNPACK, {"intra_op_num_threads": str(threads)}), _CPU]


def _settings(threads: int, options: Mapping[str, Scalar]) -> onnxruntime.SessionOptions:
    level = _LEVELS.get(str(options["graph_optimization"]))
    if level is None:
        raise RunFault(
            "unknown_option", f"spec.runtime_options.graph_optimization: expected one of {', '.join(_LEVELS)}"
        )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = level
    settings.enable_cpu_mem_arena = bool(options["memory_arena"])
    settings.log_severity_level = _QUIET
    spinning = "1" if options["allow_spinning"] else "0"
    settings.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    return settings


def _signature(value: Any) -> Signature:
    text = str(value.type)  # tensor(float), tensor(int64), seq(tensor(float)), ...
    inner = text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else text
    return Signature(name=value.name, dtype=_DTYPES.get(inner, inner), shape=tuple(value.shape))
