"""Models as people have them: read and then inferred by the agent's own code, or refused with cause and remedy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import FunctionProto, ModelProto, TensorProto, helper, numpy_helper

from agent.answer import answer
from agent.errors import RunFault
from agent.inputs import invent_inputs
from agent.runtimes import load_runtime
from agent.wire.records import Loaded
from agent.wire.spec import Inputs
from orchestrator.errors import ModelError
from orchestrator.formats import ModelFile, read_model
from orchestrator.formats.trial import try_to_open
from tests.agent.board import Board
from tests.agent.specs import make_spec
from tests.orchestrator.test_formats import external, make_model, save, value

pytestmark = pytest.mark.integration
Shapes = Mapping[str, tuple[int, ...]]
BEYOND_2_GB = 2**31 + 2**16
NO_SHAPES: Shapes = {}


def infer(path: Path, shapes: Shapes = NO_SHAPES) -> list[Any]:
    """What a board's runtime answers to invented inputs; raises `RunFault`."""
    session = load_runtime("onnxruntime").load(path, 1, {})
    return list(session.bind(invent_inputs(session.inputs, Inputs(shapes=shapes)))())


def refusal(model: ModelProto, folder: Path) -> str:
    """What `model add` says of a model."""
    with pytest.raises(ModelError) as caught:
        read_model(save(model, folder / "m.onnx"))
    return str(caught.value)


def of_all_kinds() -> ModelProto:
    """Inputs of every usual type, an open batch, names beyond ASCII, and the outputs of a classifier of scikit-learn's:
    a tensor, and a sequence of maps.
    """
    kinds = {
        "größe": TensorProto.FLOAT,
        "文本 ids": TensorProto.INT64,
        "attention_mask": TensorProto.BOOL,
        "half:0": TensorProto.FLOAT16,
    }
    casts = [
        helper.make_node("Cast", [name], [f"as float {name}"], to=TensorProto.FLOAT, name=f"cast {name}")
        for name in kinds
    ]
    sums = helper.make_node("Sum", [node.output[0] for node in casts], ["scores"])
    labels = helper.make_node(
        "ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]
    )
    entry = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    maps = helper.make_value_info("probabilities", helper.make_sequence_type_proto(entry))
    graph = helper.make_graph(
        [*casts, sums, labels],
        "g",
        [value(name, "batch", 3, kind=kind) for name, kind in kinds.items()],
        [value("scores", "batch", 3), maps],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_several_inputs_of_all_kinds_and_outputs_that_are_no_tensors_are_measured_by_the_agent(board: Board) -> None:
    path = save(of_all_kinds(), board.artifact / "größe-模型.onnx")
    facts = read_model(path)
    assert [each.dtype for each in facts.inputs] == ["float32", "int64", "bool", "float16"]
    assert facts.outputs[1].dtype == "seq(map(int64,tensor(float)))"
    records = board.run(make_spec(runtime="onnxruntime", runtime_options={}, main_file=path.name))
    loaded = next(record for record in records if isinstance(record, Loaded))
    assert {fact.name: fact.shape for fact in loaded.inputs}["文本 ids"] == (1, 3)
    assert [fact.dtype for fact in loaded.outputs] == ["float32", "list"]


def test_of_such_outputs_the_tensors_are_compared(tmp_path: Path) -> None:
    path, found = save(of_all_kinds(), tmp_path / "m.onnx"), tmp_path / "found.npz"
    answer("onnxruntime", path, found, given=None, count=2, inputs=Inputs())
    with np.load(found, allow_pickle=False) as arrays:
        assert [name for name in arrays.files if "output" in name] == ["output0"]


def test_a_network_whose_answers_have_no_shape_of_their_own_is_told(tmp_path: Path) -> None:
    node = helper.make_node("NonZero", ["x"], ["y"])
    ends = value("x", 1, 64, kind=TensorProto.BOOL), value("y", 2, None, kind=TensorProto.INT64)
    path = save(make_model(node, inputs=ends[:1], outputs=ends[1:]), tmp_path / "m.onnx")
    with pytest.raises(RunFault, match=r"m\.onnx: none of its outputs is a tensor of numbers of one shape"):
        answer("onnxruntime", path, tmp_path / "found.npz", given=None, count=4, inputs=Inputs())


@pytest.mark.parametrize("shape", [("batch", 3, "height", "width"), (None, None, None, None)])
def test_open_axes_are_told_with_the_option_that_settles_them(tmp_path: Path, shape: tuple[str | int | None]) -> None:
    model = make_model(inputs=(value("x", *shape),), outputs=(value("y", *shape),))
    path = save(model, tmp_path / "m.onnx")
    assert read_model(path).inputs[0].shape == shape
    with pytest.raises(RunFault, match=r"input x: the model leaves axis [12] .* open; give its shape, .* --shape x="):
        infer(path)
    assert infer(path, {"x": (2, 3, 8, 6)})[0].shape == (2, 3, 8, 6)


def test_an_input_with_a_default_need_not_be_fed(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones(3, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    path = save(make_model(node, inputs=(value("x", 1, 3), value("w", 3)), weights=(weights,)), tmp_path / "m.onnx")
    assert [each.name for each in read_model(path).inputs] == ["x"]
    assert infer(path)[0].shape == (1, 3)


def test_a_graph_without_inputs_is_inferred(tmp_path: Path) -> None:
    node = helper.make_node("Constant", [], ["y"], value_floats=[1.0, 2.0, 3.0])
    path = save(make_model(node, inputs=(), outputs=(value("y", 3),)), tmp_path / "m.onnx")
    read_model(path)
    assert infer(path)[0].tolist() == [1, 2, 3]


def test_the_oldest_opset_in_use_is_inferred(tmp_path: Path) -> None:
    path = save(make_model(opset=7, ir_version=3), tmp_path / "m.onnx")
    assert read_model(path).opset == {"ai.onnx": 7}
    assert infer(path)[0].shape == (1, 3)


def laid_out_beyond_2_gb(folder: Path) -> Path:
    """A model whose weights begin beyond 2 GB of a file with nothing before them."""
    with (folder / "weights.bin").open("wb") as file:
        file.seek(BEYOND_2_GB)
        file.write(np.arange(3, dtype=np.float32).tobytes())
    node = helper.make_node("Add", ["x", "w"], ["y"])
    weights = external("w", "weights.bin", offset=BEYOND_2_GB)
    outputs = (value("y", 1, 3),)
    return save(make_model(node, outputs=outputs, weights=(weights,)), folder / "m.onnx")


def test_weights_beyond_2_gb_of_their_file_are_read_and_inferred(tmp_path: Path) -> None:
    path = laid_out_beyond_2_gb(tmp_path)
    facts: ModelFile = read_model(path)
    assert facts.size_bytes > BEYOND_2_GB
    session = load_runtime("onnxruntime").load(path, 1, {})
    (found,) = session.bind({"x": np.zeros((1, 3), np.float32)})()
    assert found.tolist() == [[0, 1, 2]]


def in_domain(domain: str, *functions: FunctionProto) -> ModelProto:
    """A model with one operator of a domain of its own."""
    node = helper.make_node("Twice", ["x"], ["y"], domain=domain)
    model = make_model(node)
    model.opset_import.append(helper.make_opsetid(domain, 1))
    model.functions.extend(functions)
    return model


def test_operators_of_a_library_are_refused_with_what_to_do(tmp_path: Path) -> None:
    said = refusal(in_domain("com.acme.vision"), tmp_path)
    assert "com.acme.vision:Twice" in said
    assert "operators of com.acme.vision are in a library of their own, which pifarm does not load" in said
    assert "docs/runtimes.md" in said


def test_operators_that_the_model_brings_itself_are_inferred(tmp_path: Path) -> None:
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    twice = helper.make_function("com.acme", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    path = save(in_domain("com.acme", twice), tmp_path / "m.onnx")
    read_model(path)
    assert infer(path)[0].shape == (1, 3)


def test_an_ir_version_that_is_too_new_is_refused_with_how_to_save_an_older_one(tmp_path: Path) -> None:
    assert "model.ir_version = 10; onnx.save(model, FILE)" in refusal(make_model(ir_version=999), tmp_path)


@pytest.mark.parametrize(
    ("kind", "shape", "words"),
    [
        (TensorProto.STRING, (1,), r"input x: cannot invent string, .*; export the model without what makes numbers"),
        (TensorProto.BFLOAT16, (1,), r"input x: cannot invent bfloat16, only .*; export the model with tensors of"),
        (TensorProto.FLOAT, (0, 3), r"input x: its shape is \[0, 3\], which holds nothing .* in place of 0"),
    ],
)
def test_an_input_that_nobody_can_make_is_refused_before_it_is_stored(
    tmp_path: Path, kind: int, shape: tuple[int, ...], words: str
) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    model = make_model(node, inputs=(value("x", *shape, kind=kind),), outputs=(value("y", *shape, kind=kind),))
    with pytest.raises(ModelError, match=words):
        read_model(save(model, tmp_path / "m.onnx"))


def test_a_file_that_wants_more_memory_than_there_is_is_refused_and_costs_the_farm_none(tmp_path: Path) -> None:
    """Weights that onnxruntime copies into another layout; they lie in a file with nothing in it."""
    rows, columns = 8192, 20_000
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(rows * columns * 4)
    weights = external("w", "weights.bin", length=rows * columns * 4)
    weights.dims[:] = [rows, columns]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = make_model(node, inputs=(value("x", 1, rows),), outputs=(value("y", 1, columns),), weights=(weights,))
    path = save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime wants more memory to load it than the 500 MB .* more$"):
        try_to_open(path, "onnxruntime", memory_bytes=500 * 10**6)
