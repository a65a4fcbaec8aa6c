"""Recipes that change the numbers' type: half precision, int8 with ranges found while running or from examples."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from orchestrator.variants.recipe import Made, Recipe, RecipeRefused

TYPES: Final = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
MOST_EXAMPLES: Final = 512
_TOOLS: Final = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
_MOVES: Final = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Flatten")
_HALF: Final = (
    "onnxruntime has few half-precision kernels for processors: elsewhere it casts to single precision and back, which"
    " may be slower than the parent"
)
_DYNAMIC: Final = (
    "convolutions are quantised anew for every inference: often slower than the parent; static int8 is meant for them"
)


def halve(parent: Path, folder: Path) -> Made:
    """Half precision inside, single precision at the inputs and outputs."""
    main = folder / parent.name
    onnx.save(convert_float_to_float16(onnx.load(parent), keep_io_types=True), main)
    return Made(main=main, tools=_TOOLS, notes=(_HALF,))


def quantise_dynamically(parent: Path, folder: Path, recipe: Recipe) -> Made:
    """Int8 weights; the ranges of activations are found in each inference."""
    main = folder / parent.name
    with _Prepared(parent) as ready:
        quantize_dynamic(ready, main, weight_type=TYPES[recipe.argument], per_channel=recipe.argument == "s8")
    notes = (_DYNAMIC,) if _count(parent, "Conv") else ()
    return Made(main=main, tools=_TOOLS, notes=notes)


def quantise_statically(parent: Path, folder: Path, recipe: Recipe, calibration: Path | None) -> Made:
    """Int8 weights and activations as QuantizeLinear / DequantizeLinear pairs, weights per channel.

    `calibration` is an .npz file: an array for each input, by its name, the examples along the first axis.
    """
    if calibration is None:
        raise RecipeRefused(f"{recipe.name}: needs examples of real inputs; give --calibration FILE.npz")
    main = folder / parent.name
    examples = Examples(parent, calibration)
    with _Prepared(parent) as ready:
        quantize_static(
            ready,
            main,
            examples,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=TYPES[recipe.argument[:2]],
            weight_type=TYPES[recipe.argument[2:]],
            nodes_to_exclude=joins_of_outputs(onnx.load(ready).graph),
        )
    return Made(main=main, tools=_TOOLS, notes=(f"calibrated on {examples.count} examples",))


def joins_of_outputs(graph: onnx.GraphProto) -> list[str]:
    """The nodes that put outputs of the network together, by name: they stay in single precision.

    A detector's boxes reach to hundreds and its scores to 1. In one tensor they would share one scale, and a score
    would be 0 or 1.
    """
    makers = {name: node for node in graph.node for name in node.output}
    waiting = [makers[value.name] for value in graph.output if value.name in makers]
    found = []
    while waiting:
        node = waiting.pop()
        if node.op_type in ("Concat", *_MOVES):
            found += [node.name] if node.op_type == "Concat" else []
            waiting += [makers[name] for name in node.input if name in makers]
    return found


class Examples(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    """The examples of a calibration set, one after the other, as batches of one.

    Lifecycle: read through once. Raises `RecipeRefused` for a set that does not fit the network.
    """

    def __init__(self, parent: Path, calibration: Path) -> None:
        graph = onnx.load(parent, load_external_data=False).graph
        weights = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in weights]
        try:
            with np.load(calibration, allow_pickle=False) as arrays:
                self._arrays = {value.name: _fitting(value, dict(arrays), len(inputs)) for value in inputs}
        except (OSError, ValueError) as error:
            raise RecipeRefused(f"{calibration}: cannot be read as an .npz file of arrays: {error}") from error
        self.count = min((len(array) for array in self._arrays.values()), default=0)
        if not 1 <= self.count <= MOST_EXAMPLES:
            raise RecipeRefused(f"{calibration}: expected 1..{MOST_EXAMPLES} examples, got {self.count}")
        self._next = self._feeds()

    def get_next(self) -> dict[str, Any] | None:
        """The next example; None after the last."""
        return next(self._next, None)

    def _feeds(self) -> Iterator[dict[str, Any]]:
        for index in range(self.count):
            yield {name: array[index : index + 1] for name, array in self._arrays.items()}


def _fitting(value: onnx.ValueInfoProto, arrays: dict[str, Any], inputs: int) -> Any:
    array = next(iter(arrays.values())) if inputs == 1 and len(arrays) == 1 else arrays.get(value.name)
    if array is None:
        raise RecipeRefused(f"calibration: has no array for the input {value.name}, it has {', '.join(arrays)}")
    declared = [size.dim_value or None for size in value.type.tensor_type.shape.dim]
    fits = len(array.shape) == len(declared) and all(
        size in (None, given) for size, given in zip(declared[1:], array.shape[1:], strict=True)
    )
    if not fits:
        raise RecipeRefused(
            f"calibration: input {value.name}: expected examples of shape {declared[1:]}, got {list(array.shape[1:])}"
        )
    return array.astype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


class _Prepared:
    """The parent with shapes inferred, as quantising wants it, in a file that goes away again."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._folder = tempfile.TemporaryDirectory(prefix="pifarm-quantise-")

    def __enter__(self) -> Path:
        ready = Path(self._folder.name) / "ready.onnx"
        try:
            quant_pre_process(self._parent, ready, skip_symbolic_shape=True)
        except Exception as error:  # the library raises whatever its parts raise
            raise RecipeRefused(f"shapes cannot be inferred: {error}") from error
        return ready

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _count(parent: Path, kind: str) -> int:
    return sum(node.op_type == kind for node in onnx.load(parent, load_external_data=False).graph.node)
