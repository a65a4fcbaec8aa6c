"""ncnn on the processor: a .param file, and the .bin file of the same name that holds its weights.

An inference is a fresh extractor that is fed and asked for every output, its results as numpy arrays. ncnn knows no
batch and mostly no shapes: what its Input layers leave open has to be given, as (channels, height, width), and a batch
of one before it is left out. Threads are OpenMP's, so that ``allow_spinning`` is settled by the environment of the
process.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ncnn
import numpy as np

from agent.errors import RunFault
from agent.runtimes import Feeds, Signature, pick_options, spinning_by_environment
from agent.wire.spec import Scalar

PACKAGES = ("ncnn", "numpy")
SUFFIXES = (".param",)
_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, TypeError)
_DEFAULTS: Mapping[str, Scalar] = {"allow_spinning": True, "fp16": True, "winograd": True, "light_mode": True}
_SIZES = {0: "width", 1: "height", 2: "channels", 11: "depth"}  # parameters of an Input layer
_MAGIC = "7767517"


class NcnnSession:
    """A loaded net."""

    def __init__(self, net: Any, inputs: Sequence[Signature], options: Mapping[str, Scalar]) -> None:
        self._net = net
        self.inputs, self.options = inputs, options
        self.outputs = [Signature(name=name, dtype="float32", shape=None) for name in net.output_names()]

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: an extractor, its inputs, every output."""
        mats = [(name, ncnn.Mat(_without_batch(tensor)).clone()) for name, tensor in feeds.items()]
        return functools.partial(_infer, self._net, mats, [output.name for output in self.outputs])


class NcnnRuntime:
    """The installed ncnn, without Vulkan."""

    version = str(ncnn.__version__)
    errors = _ERRORS

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> NcnnSession:
        """Load a .param file and its weights."""
        weights = path.with_suffix(".bin")
        if path.suffix not in SUFFIXES or not weights.is_file():
            raise RunFault("bad_model", f"spec.main_file: expected NAME.param beside NAME.bin, got {path.name}")
        used = pick_options(options, _DEFAULTS)
        net = ncnn.Net()
        _set(net.opt, threads, used)
        used = spinning_by_environment(used)
        inputs = list(_read_inputs(path))
        if net.load_param(str(path)) != 0 or net.load_model(str(weights)) != 0:
            raise RunFault("bad_model", f"ncnn {self.version} refuses {path.name}; it says why in its output")
        return NcnnSession(net, inputs, {**used, "intra_op_threads": threads})


def open_runtime() -> NcnnRuntime:
    """ncnn as it is installed."""
    return NcnnRuntime()


def _infer(net: Any, mats: Sequence[tuple[str, Any]], outputs: Sequence[str]) -> list[Any]:
    extractor = net.create_extractor()
    for name, mat in mats:
        if extractor.input(name, mat) != 0:
            raise RuntimeError(f"ncnn did not take the input {name}")
    found = []
    for name in outputs:
        code, mat = extractor.extract(name)
        if code != 0:
            raise RuntimeError(f"ncnn gave up at the output {name} (code {code}); check the input's shape")
        found.append(np.array(mat))
    return found


def _without_batch(tensor: Any) -> Any:
    """A batch of one is left out: ncnn would take it for channels, and answer all the same."""
    single = tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
    return np.ascontiguousarray(single)


def _set(settings: Any, threads: int, options: Mapping[str, Scalar]) -> None:
    settings.num_threads = threads
    settings.use_vulkan_compute = False
    settings.lightmode = bool(options["light_mode"])
    settings.use_winograd_convolution = bool(options["winograd"])
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(settings, name, bool(options["fp16"]))


def _read_inputs(path: Path) -> Iterator[Signature]:
    """The Input layers of a .param file, in order: TYPE NAME 0 1 BLOB [0=width 1=height 2=channels]."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != _MAGIC:
        raise RunFault("bad_model", f"{path.name}: expected {_MAGIC} in its first line, as ncnn writes it")
    for words in map(str.split, lines[2:]):
        if len(words) >= 5 and words[0] == "Input":
            yield Signature(name=words[4], dtype="float32", shape=_shape(words[5:]))


def _shape(parameters: Sequence[str]) -> tuple[int, ...] | None:
    sizes = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.isdigit() and int(key) in _SIZES and value.isdigit() and int(value) > 0:
            sizes[_SIZES[int(key)]] = int(value)
    known = tuple(sizes[name] for name in ("channels", "depth", "height", "width") if name in sizes)
    return known or None
