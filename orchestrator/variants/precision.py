"""Recipes that change the numbers' type: half precision, int8 with ranges found while running or from examples.

Each starts from single precision: what is half precision or int8 already is refused, for its loss would only grow.
Quantising goes in steps with a process each, because the library loads the network several times and lets little go.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.calibrate import MinMaxCalibrater, save_tensors_data
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from orchestrator.errors import SpecError
from orchestrator.formats import TensorInfo
from orchestrator.variants.apart import apart
from orchestrator.variants.examples import read_examples
from orchestrator.variants.graphs import in_one_file, optimise_for
from orchestrator.variants.recipe import PLAIN, UNABLE, Made, Recipe, RecipeRefused

TYPES: Final = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
MOST_EXAMPLES: Final = 512
_TOOLS: Final = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
QUANTISED: Final = frozenset(
    ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
     "MatMulInteger")
)  # fmt: skip
_PRODUCTS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
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
    require_single_precision(onnx.load(parent, load_external_data=False).graph, "fp16")
    onnx.save(convert_float_to_float16(str(parent), keep_io_types=True), main)  # by its name: half the memory
    return Made(main=main, tools=_TOOLS, notes=(_HALF,))


def quantise_dynamically(parent: Path, folder: Path, recipe: Recipe) -> Made:
    """Int8 weights; the ranges of activations are found in each inference."""
    main = folder / parent.name
    with _prepared(parent, folder, recipe) as ready:
        quantize_dynamic(ready, main, weight_type=TYPES[recipe.argument], per_channel=recipe.argument == "s8")
    _require_quantised(main, recipe)
    notes = (_DYNAMIC,) if _count(parent, "Conv") else ()
    return Made(main=main, tools=_TOOLS, notes=notes)


def quantise_statically(parent: Path, folder: Path, recipe: Recipe, calibration: Path | None) -> Made:
    """Int8 weights and activations as QuantizeLinear / DequantizeLinear pairs, weights per channel.

    `calibration` is an .npz file, as `read_examples` takes it. Raises `SpecError` for one that does not fit.
    """
    if calibration is None:
        raise RecipeRefused(f"{recipe.name}: needs examples of real inputs; give --calibration FILE.npz")
    main = folder / parent.name
    with _prepared(parent, folder, recipe) as ready:
        ranges = ready.with_name("ranges.json")
        count = apart(find_ranges, ready, calibration, ranges)
        quantize_static(
            ready,
            main,
            None,
            calibration_cache_path=ranges,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=TYPES[recipe.argument[:2]],
            weight_type=TYPES[recipe.argument[2:]],
            nodes_to_exclude=tail_of(onnx.load(ready).graph),
        )
    _require_quantised(main, recipe)
    return Made(main=main, tools=_TOOLS, notes=(f"calibrated on {count} examples",))


def find_ranges(ready: Path, calibration: Path, ranges: Path) -> int:
    """Infer the examples and keep every tensor's least and greatest value in a file; how many examples there were."""
    examples = Examples(ready, calibration)
    kinds = sorted({*QLinearOpsRegistry, *QDQRegistry})
    augmented = ready.with_name("augmented.onnx")
    calibrator = MinMaxCalibrater(ready, kinds, augmented_model_path=str(augmented))
    calibrator.augment_graph()
    calibrator.model = None  # it is in the file now
    calibrator.infer_session = _calibrating_session(augmented)
    calibrator.collect_data(examples)
    save_tensors_data(calibrator.compute_data(), ranges)
    return examples.count


def _calibrating_session(augmented: Path) -> onnxruntime.InferenceSession:
    """In the order of the file, where the least and greatest value of a tensor come before its next user; otherwise
    they come last, and every tensor of the network waits for them in memory.
    """
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    return onnxruntime.InferenceSession(str(augmented), settings, providers=["CPUExecutionProvider"])


def tail_of(graph: onnx.GraphProto) -> list[str]:
    """The nodes behind the last layers with products, by name: they stay in single precision.

    There a detector makes pixels of what its layers found. Pixels reach to hundreds: 256 steps over all of them are
    wider than one, and a score in the same tensor would be 0 or 1.
    """
    lead_on: set[str] = set()  # tensors from which such a layer is reached
    tail = []
    for node in reversed(graph.node):
        leads_on = not lead_on.isdisjoint(node.output)
        if leads_on or node.op_type in _PRODUCTS:
            lead_on.update(node.input)
        else:
            tail.append(node.name)
    return tail


class Examples(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    """The examples of a calibration set, one batch after the other.

    Lifecycle: read through once. Raises `SpecError` for a set that does not fit the network.
    """

    def __init__(self, parent: Path, calibration: Path) -> None:
        graph = onnx.load(parent, load_external_data=False).graph
        weights = {tensor.name for tensor in graph.initializer}
        self._arrays = read_examples(calibration, [_info(each) for each in graph.input if each.name not in weights])
        self.count = min((len(array) for array in self._arrays.values()), default=0)
        if not 1 <= self.count <= MOST_EXAMPLES:
            raise SpecError(f"{calibration}: expected 1..{MOST_EXAMPLES} examples, got {self.count}")
        self._next = self._feeds()

    def get_next(self) -> dict[str, Any] | None:
        """The next example; None after the last."""
        return next(self._next, None)

    def _feeds(self) -> Iterator[dict[str, Any]]:
        for index in range(self.count):
            yield {name: array[index] for name, array in self._arrays.items()}


def _info(value: onnx.ValueInfoProto) -> TensorInfo:
    declared = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(declared.elem_type)
    shape = tuple(dim.dim_value or dim.dim_param or None for dim in declared.shape.dim)
    return TensorInfo(name=value.name, dtype=str(dtype), shape=shape)


def require_single_precision(graph: onnx.GraphProto, recipe: str) -> None:
    """Raises `RecipeRefused` for a network whose numbers are of another type already."""
    quantised = sorted({node.op_type for node in graph.node} & QUANTISED)
    if quantised:
        raise RecipeRefused(f"{recipe}: the network is quantised already, it has {', '.join(quantised)}; {PLAIN}")
    types = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 1}
    if onnx.TensorProto.FLOAT16 in types and onnx.TensorProto.FLOAT not in types:
        raise RecipeRefused(f"{recipe}: the network is in half precision already; {PLAIN}")


def _require_quantised(main: Path, recipe: Recipe) -> None:
    if not any(node.op_type in QUANTISED for node in onnx.load(main, load_external_data=False).graph.node):
        raise RecipeRefused(
            f"{recipe.text}: no operator of this network can be quantised: it has no convolution or matrix product"
            " with weights"
        )


@contextlib.contextmanager
def _prepared(parent: Path, folder: Path, recipe: Recipe) -> Iterator[Path]:
    """The parent with shapes inferred and every node named, as quantising wants it, in a file that goes away again."""
    require_single_precision(onnx.load(parent, load_external_data=False).graph, recipe.text)
    with tempfile.TemporaryDirectory(prefix="quantise-", dir=folder) as place:
        ready = Path(place) / "ready.onnx"
        try:
            apart(prepare, parent, ready)
        except RecipeRefused:
            raise
        except Exception as error:  # the library raises whatever its parts raise
            raise RecipeRefused(f"{recipe.text}: shapes cannot be inferred: {error}; {UNABLE}") from error
        yield ready


def prepare(parent: Path, ready: Path) -> None:
    """Write the network as quantising wants it, all in one file."""
    plain = ready.with_name("plain.onnx")
    whole = in_one_file(parent, ready.with_name("whole.onnx"))  # what prepares it does not find weights elsewhere
    optimise_for(whole, plain, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    quant_pre_process(plain, ready, skip_optimization=True, skip_symbolic_shape=True)
    name_nodes(ready)


def name_nodes(path: Path) -> None:
    """Give each node without a name one of its own: by names the quantiser is told what to leave alone."""
    model = onnx.load(path)
    nameless = [(place, node) for place, node in enumerate(model.graph.node) if not node.name]
    for place, node in nameless:
        node.name = f"{node.op_type}_{place}"
    if nameless:
        onnx.save(model, path)


def _count(parent: Path, kind: str) -> int:
    return sum(node.op_type == kind for node in onnx.load(parent, load_external_data=False).graph.node)
