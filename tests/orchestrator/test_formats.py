"""Reading models: what is taken, and what people are told about everything else that they hand over."""

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from orchestrator.demo import demo_variants
from orchestrator.errors import InternalError, ModelError, SpecError
from orchestrator.formats import ModelFile, ModelFormat, TensorInfo, read_model
from orchestrator.formats.trial import Opened, try_to_open

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
DEMO = {variant.label: variant.path for variant in demo_variants()}
ORT = DEMO["ort"].read_bytes()


def value(name: str, *shape: int | str | None, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def make_model(
    *nodes: NodeProto,
    inputs: tuple[ValueInfoProto, ...] = (value("x", 1, 3),),
    outputs: tuple[ValueInfoProto, ...] = (value("y", 1, 3),),
    weights: tuple[TensorProto, ...] = (),
    opset: int = 17,
    ir_version: int = 8,
) -> ModelProto:
    graph = helper.make_graph(nodes or [helper.make_node("Relu", ["x"], ["y"])], "g", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def external(name: str, location: str, **entries: object) -> TensorProto:
    """A tensor of three floats whose bytes are at `location`."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, entry in {"location": location, "offset": 0, "length": 12, **entries}.items():
        tensor.external_data.add(key=key, value=str(entry))
    return tensor


def save(model: ModelProto, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def save_adder(folder: Path, location: str, **entries: object) -> Path:
    """A model whose only weights, 12 bytes, are at `location`."""
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return save(make_model(node, weights=(external("w", location, **entries),)), folder / "model.onnx")


def write_weights(path: Path, count: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.arange(count, dtype=np.float32).tobytes())
    return path


def test_the_facts_of_an_onnx_file() -> None:
    path = DEMO["onnx"]
    assert read_model(path) == ModelFile(
        format=ModelFormat.ONNX,
        main=path.name,
        files={path.name: path},
        inputs=(TensorInfo(name="image", dtype="float32", shape=(1, 1, 32, 32)),),
        outputs=(TensorInfo(name="logits", dtype="float32", shape=(1, 10)),),
        opset={"ai.onnx": 17},
        size_bytes=path.stat().st_size,
        runtimes=("onnxruntime", "openvino"),
    )


def test_the_facts_of_an_ort_file() -> None:
    model = read_model(DEMO["ort"])
    assert (model.format, model.main, model.size_bytes) == (ModelFormat.ORT, "digits.ort", len(ORT))
    assert model.inputs == (TensorInfo(name="image", dtype="float32", shape=(1, 1, 32, 32)),)
    assert model.opset["ai.onnx"] == 17


def test_open_sizes_and_other_types_are_kept(tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)
    shape = ("batch", None, 3)
    model = make_model(
        node,
        inputs=(value("x", *shape, kind=TensorProto.DOUBLE),),
        outputs=(value("y", *shape, kind=TensorProto.FLOAT16),),
    )
    facts = read_model(save(model, tmp_path / "m.onnx"))
    assert facts.inputs == (TensorInfo(name="x", dtype="float64", shape=shape),)
    assert facts.outputs == (TensorInfo(name="y", dtype="float16", shape=shape),)


def test_weights_are_no_inputs_although_old_files_list_them_as_such(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones(3, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = make_model(node, inputs=(value("x", 1, 3), value("w", 3)), weights=(weights,), opset=9, ir_version=3)
    assert [each.name for each in read_model(save(model, tmp_path / "old.onnx")).inputs] == ["x"]


def test_a_graph_may_have_no_inputs(tmp_path: Path) -> None:
    node = helper.make_node("Constant", [], ["y"], value_floats=[1.0, 2.0, 3.0])
    facts = read_model(save(make_model(node, inputs=(), outputs=(value("y", 3),)), tmp_path / "m.onnx"))
    assert facts.inputs == ()


def test_a_graph_without_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: the graph has no outputs"):
        read_model(save(make_model(outputs=()), tmp_path / "m.onnx"))


def test_an_input_that_nobody_can_make_is_refused(tmp_path: Path) -> None:
    without_shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    with pytest.raises(ModelError, match="input x: expected a shape, got none"):
        read_model(save(make_model(inputs=(without_shape,)), tmp_path / "m.onnx"))
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("SequenceLength", ["x"], ["y"])
    length = value("y", kind=TensorProto.INT64)
    with pytest.raises(ModelError, match=r"input x: cannot invent seq\(tensor\(float\)\).*; export the model with"):
        read_model(save(make_model(node, inputs=(sequence,), outputs=(length,)), tmp_path / "m.onnx"))


@pytest.mark.parametrize("location", ["model.onnx.data", "./model.onnx.data", "parts/w.bin"])
def test_weights_beside_the_model_belong_to_it(tmp_path: Path, location: str) -> None:
    weights = write_weights(tmp_path / location)
    path = save_adder(tmp_path, location)
    (tmp_path / "README.md").write_text("not part of the model")
    facts = read_model(path)
    assert facts.files == {"model.onnx": path, location.removeprefix("./"): weights}
    assert facts.size_bytes == path.stat().st_size + 12


def constant(tensor: TensorProto) -> NodeProto:
    return helper.make_node("Constant", [], ["y"], value=tensor)


def branch(tensor: TensorProto) -> GraphProto:
    return helper.make_graph([constant(tensor)], "branch", [], [value("y", 3)])


def test_weights_inside_branches_of_the_graph_are_found(tmp_path: Path) -> None:
    write_weights(tmp_path / "then.bin")
    write_weights(tmp_path / "else.bin")
    node = helper.make_node(
        "If",
        ["x"],
        ["y"],
        then_branch=branch(external("t", "then.bin")),
        else_branch=branch(external("e", "else.bin")),
    )
    model = make_model(node, inputs=(value("x", kind=TensorProto.BOOL),), outputs=(value("y", 3),))
    path = save(model, tmp_path / "m.onnx")
    (tmp_path / "else.bin").unlink()
    with pytest.raises(ModelError, match=r"'else\.bin', which is not in"):
        read_model(path)


@pytest.mark.parametrize(
    "location", ["/etc/hostname", "../w.bin", "parts/../../w.bin", "", ".", "parts\\w.bin", "w\n.bin", "missing.bin"]
)
def test_weights_elsewhere_or_nowhere_are_refused(tmp_path: Path, location: str) -> None:
    write_weights(tmp_path / "w.bin")
    with pytest.raises(ModelError, match=r"model\.onnx: the weights of w are in the file .*; put the file"):
        read_model(save_adder(tmp_path / "folder", location))


@pytest.mark.parametrize("link", ["w.bin", "parts"])
def test_weights_behind_a_link_out_of_the_folder_are_refused(tmp_path: Path, link: str) -> None:
    write_weights(tmp_path / "outside" / "w.bin")
    path = save_adder(tmp_path / "folder", "w.bin" if link == "w.bin" else "parts/w.bin")
    (path.parent / link).symlink_to(tmp_path / "outside" / ("w.bin" if link == "w.bin" else ""))
    with pytest.raises(ModelError, match="symbolic link"):
        read_model(path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"offset": 4}, "bytes 4 to 16 of w.bin, which has 12"),
        ({"length": 2**62}, "which has 12"),
        ({"offset": -1}, "which has 12"),
        ({"offset": "first"}, "expected numbers"),
    ],
)
def test_weights_that_are_cut_off_are_refused(tmp_path: Path, entries: dict[str, object], words: str) -> None:
    write_weights(tmp_path / "w.bin")
    with pytest.raises(ModelError, match=words):
        read_model(save_adder(tmp_path, "w.bin", **entries))


def test_a_folder_is_one_variant(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.bin")
    path = save_adder(tmp_path, "w.bin")
    (tmp_path / "._model.onnx").write_bytes(b"what macOS leaves behind")
    assert read_model(tmp_path).files == {"model.onnx": path, "w.bin": weights}
    (tmp_path / "model.ort").write_bytes(ORT)
    with pytest.raises(ModelError, match=r"one variant.*got model\.onnx, model\.ort; give each file"):
        read_model(tmp_path)


def test_a_folder_without_a_model_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="got no file"):
        read_model(tmp_path)
    (tmp_path / "weights.bin").touch()
    with pytest.raises(ModelError, match=r"\.onnx, \.ort, .* or \.xml in this folder, got weights\.bin"):
        read_model(tmp_path)


def test_a_path_to_nothing_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.onnx: expected a model file or a folder, got nothing"):
        read_model(tmp_path / "none.onnx")
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(SpecError, match="got a special file"):
        read_model(tmp_path / "pipe.onnx")


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return buffer.getvalue()


FOREIGN = {
    "an empty onnx": ("model.onnx", b"", "got an empty file"),
    "an empty ort": ("model.ort", b"", "got an empty file"),
    "source code": ("model.onnx", b"import torch\n" * 100, "got a text file"),
    "text in UTF-8": ("model.ort", "größe: 3\n".encode() * 100, "got a text file"),
    "a Git LFS pointer": ("model.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "a zip": ("model.onnx", zip_of("model/config.json"), "got a zip archive; unpack it"),
    "a broken zip": ("model.onnx", zip_of("a")[:30], "got a zip archive; unpack it"),
    "a checkpoint": (
        "model.pt",
        zip_of("net/data.pkl", "net/data/0"),
        "PyTorch checkpoint; export the network to ONNX",
    ),
    "a checkpoint called onnx": (
        "model.onnx",
        zip_of("net/data.pkl"),
        "PyTorch checkpoint; export the network to ONNX",
    ),
    "an old checkpoint": ("model.pth", pickle.dumps({"w": [1.0]}, protocol=2), "pickle.*export the network to ONNX"),
    "a Keras file": ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5.*tf2onnx"),
    "a TFLite file called onnx": (
        "model.onnx",
        b"\x1c\0\0\0TFL3" + bytes(100),
        r"LiteRT model; rename it to end in \.tflite",
    ),
    "a gzip": ("model.onnx", b"\x1f\x8b\x08" + bytes(100), "gzip"),
    "ort called onnx": ("model.onnx", ORT, r"ORT format; rename it to end in \.ort"),
    "onnx called ort": ("model.ort", DEMO["onnx"].read_bytes(), r"ONNX model; rename it to end in \.onnx"),
    "capital letters": ("model.ONNX", DEMO["onnx"].read_bytes(), r"ONNX model; rename it to end in \.onnx"),
    "an unknown suffix": ("model.bin", bytes(range(256)), r"file that ends in \.onnx, \.ort, .*, got model\.bin"),
    "bytes called ort": ("model.ort", bytes(range(256)), "with ORTM at byte 4"),
    "zeros called onnx": ("model.onnx", bytes(100), "got 100 bytes that end too early or are damaged"),
    "an onnx without a graph": ("model.onnx", b"\x08\x08", "got 2 bytes without a graph"),
}


@pytest.mark.parametrize(("name", "content", "words"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_no_model_is_recognised_and_has_a_remedy(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        read_model(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: expected ")


def test_a_pickle_is_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "model.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(ModelError):
        read_model(tmp_path / "model.pt")
    assert not (tmp_path / "sprung").exists()


@given(content=st.binary(max_size=200))
@settings(max_examples=50)
def test_whatever_the_bytes_are_the_answer_is_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        read_model(path)


def test_an_onnx_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = make_model().SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"cut\.onnx: "):
            read_model(path)


@pytest.mark.parametrize("length", [8, 1000, len(ORT) // 2, len(ORT) - 8])
def test_an_ort_file_that_is_cut_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.ort").write_bytes(ORT[:length])
    with pytest.raises(ModelError, match="verification failed; make it again from the ONNX file"):
        read_model(tmp_path / "cut.ort")


def test_an_ort_file_of_another_format_version_is_refused(tmp_path: Path) -> None:
    version = b"\x01\x00\x00\x006\x00"  # a FlatBuffers string of one character
    assert ORT.count(version) == 1
    (tmp_path / "new.ort").write_bytes(ORT.replace(version, b"\x01\x00\x00\x009\x00"))
    with pytest.raises(ModelError, match=r"version \[9\] is not supported"):
        read_model(tmp_path / "new.ort")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (make_model(opset=999), r"till opset \d+ \(opset ai\.onnx 999; IR version 8\); export it again"),
        (make_model(ir_version=999), r"Unsupported model IR version: 999, max supported IR version: \d+ \("),
        (make_model(helper.make_node("Invented", ["x"], ["y"])), "No Op registered for Invented"),
        (make_model(helper.make_node("Relu", ["nowhere"], ["y"])), "nowhere"),
    ],
)
def test_what_onnxruntime_does_not_know_is_refused_in_its_words(tmp_path: Path, model: ModelProto, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        read_model(save(model, tmp_path / "m.onnx"))
    assert "onnxruntime::" not in str(caught.value)


def test_the_newest_opset_that_onnxruntime_has_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_model(save(make_model(opset=999), tmp_path / "m.onnx"))
    newest = int(str(caught.value).partition("till opset ")[2].partition(" ")[0])
    assert read_model(save(make_model(opset=newest), tmp_path / "m.onnx")).opset == {"ai.onnx": newest}


def test_an_onnx_file_larger_than_protobuf_allows_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ModelError, match="can hold 2 GiB, got 2147483648 bytes; save the weights as external data"):
        read_model(tmp_path / "huge.onnx")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Path]:
    """A program that stands in for the one that opens models."""
    yield tmp_path / "child.py"


def test_a_file_that_kills_onnxruntime_kills_nothing_else(child: Path) -> None:
    child.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime was killed by SIGSEGV while loading it"):
        try_to_open(Path("m.onnx"), "onnxruntime", opener=[str(child)])


def test_a_file_that_never_loads_is_given_up(child: Path) -> None:
    child.write_text("while True: pass")
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime did not load it within 0\.2 s"):
        try_to_open(Path("m.onnx"), "onnxruntime", opener=[str(child)], time_limit_s=0.2)


def test_an_onnxruntime_that_cannot_start_is_not_the_models_fault(child: Path) -> None:
    child.write_text("import no_such_module")
    with pytest.raises(InternalError, match="No module named 'no_such_module'"):
        try_to_open(Path("m.onnx"), "onnxruntime", opener=[str(child)])


def test_a_model_beside_a_file_named_like_a_module_imports_nothing_from_there(tmp_path: Path) -> None:
    """The child is isolated: neither the working folder nor the model's is on its path."""
    (tmp_path / "onnxruntime.py").write_text("raise SystemExit(3)")
    assert isinstance(try_to_open(save(make_model(), tmp_path / "m.onnx"), "onnxruntime"), Opened)


def test_importing_the_reader_imports_no_runtime() -> None:
    program = "import orchestrator.formats, sys; print({'onnx', 'onnxruntime', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"
