"""PyTorch on the processor: TorchScript (.torchscript, .pt) and exported programs (.pt2).

An inference is a plain call of the module without gradients, its results as numpy arrays: it is what users call.
TorchScript does not say what its inputs are like: their shapes have to be given, float32 is assumed. Threads are those
inside of an operator. They are OpenMP's, so that ``allow_spinning`` is settled by the environment of the process.
A file that is only a pickled checkpoint is refused: it holds no program, and opening one runs whatever is in it.
"""

import contextlib
import functools
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree

from agent.errors import RunFault
from agent.runtimes import Feeds, Signature, pick_options, spinning_by_environment
from agent.wire.spec import Scalar

PACKAGES = ("torch", "numpy")
SUFFIXES = (".torchscript", ".pt", ".pt2")
_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, TypeError, AssertionError, KeyError)
_UNREADABLE: tuple[type[Exception], ...] = (*_ERRORS, OSError, zipfile.BadZipFile, pickle.UnpicklingError)
_UNTYPED = (
    "; TorchScript does not say what its inputs are like, so float32 was given: a network that takes another type has "
    "to come as .pt2 (torch.export.export), which says it"
)
_DEFAULTS: Mapping[str, Scalar] = {"allow_spinning": True, "freeze": False}


class TorchSession:
    """A module in evaluation mode."""

    def __init__(
        self,
        module: Callable[..., Any],
        inputs: Sequence[Signature],
        outputs: Sequence[Signature],
        options: Mapping[str, Scalar],
    ) -> None:
        self._module = module
        self.inputs, self.outputs, self.options = inputs, outputs, options

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: the module, with its results flattened in order and taken to numpy without a copy."""
        tensors = [torch.from_numpy(feeds[signature.name]) for signature in self.inputs]
        return functools.partial(_infer, self._module, tensors)


class TorchRuntime:
    """The installed PyTorch, on the processor."""

    version = str(torch.__version__)
    errors = _ERRORS

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> TorchSession:
        """Load a .torchscript, .pt or .pt2 file."""
        if path.suffix not in SUFFIXES:
            raise RunFault("bad_model", f"spec.main_file: expected {', '.join(SUFFIXES)}, got {path.name}")
        used = spinning_by_environment(pick_options(options, _DEFAULTS))
        torch.set_num_threads(threads)
        with contextlib.suppress(RuntimeError):  # may be said once in a process, and before the first inference
            torch.set_num_interop_threads(1)
        try:
            read = _read_program if path.suffix == ".pt2" else _read_script
            module, inputs, outputs = read(path, freeze=bool(used["freeze"]))
        except _UNREADABLE as error:
            raise RunFault("bad_model", f"torch {self.version} refuses {path.name}: {error}") from error
        facts: dict[str, Scalar] = {"intra_op_threads": torch.get_num_threads(), "inter_op_threads": 1}
        return TorchSession(module, inputs, outputs, {**used, **facts})


def open_runtime() -> TorchRuntime:
    """PyTorch as it is installed."""
    return TorchRuntime()


Read = tuple[Callable[..., Any], list[Signature], list[Signature]]


def _infer(module: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> list[Any]:
    try:
        with torch.inference_mode():
            leaves = _pytree.tree_leaves(module(*tensors))
    except RuntimeError as error:
        if isinstance(module, torch.jit.ScriptModule):
            last = str(error).strip().rpartition("\n")[2]  # before it: where in the program, a page of it
            raise RuntimeError(f"{last}{_UNTYPED}") from error
        raise
    return [leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]


def _read_script(path: Path, *, freeze: bool) -> Read:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # what users have is still measured
        module = torch.jit.load(str(path), map_location="cpu").eval()
    arguments = module.forward.schema.arguments[1:]
    strange = [argument.name for argument in arguments if str(argument.type) != "Tensor"]
    if strange:
        raise ValueError(f"expected tensors as inputs, {', '.join(strange)} is none; trace it with tensors")
    inputs = [Signature(name=argument.name, dtype="float32", shape=None) for argument in arguments]
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        frozen = torch.jit.freeze(module) if freeze else module
    return frozen, inputs, [Signature(name="output", dtype="", shape=None)]


def _read_program(path: Path, *, freeze: bool) -> Read:
    if freeze:
        raise RunFault("unknown_option", "spec.runtime_options.freeze: means something for TorchScript only")
    program = torch.export.load(str(path))
    nodes = {node.name: node for node in program.graph.nodes}
    signature = program.graph_signature
    inputs = [_signature(nodes[name]) for name in signature.user_inputs]
    return program.module(), inputs, [_signature(nodes[name]) for name in signature.user_outputs]


def _signature(node: Any) -> Signature:
    value = node.meta["val"]
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"expected tensors as inputs and outputs, {node.name} is none; export it with tensors")
    shape = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return Signature(name=node.name, dtype=str(value.dtype).removeprefix("torch."), shape=shape)
