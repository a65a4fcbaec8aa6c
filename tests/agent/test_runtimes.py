"""Runtimes behind one Protocol: what they load, what they refuse, and the settings that they really run with."""

import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from agent.errors import RunFault
from agent.inputs import invent_inputs
from agent.preflight import try_runtime
from agent.runtimes import Session, load_runtime, pick_options
from agent.wire.records import Fault
from agent.wire.spec import Inputs, Scalar
from tests.agent.onnx_models import save_affine, save_identity


def load(path: Path, *, threads: int = 1, **options: Scalar) -> Session:
    """A model in ONNX Runtime."""
    return load_runtime("onnxruntime").load(path, threads, options)


def test_onnx_runtime_answers_as_it_does_without_us(tmp_path: Path) -> None:
    path = save_affine(tmp_path / "model.onnx", layers=3)
    session = load(path)
    feeds = invent_inputs(session.inputs, Inputs())
    plain = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)
    assert np.allclose(session.bind(feeds)()[0], plain[0])


def test_a_signature_has_numpys_names_and_the_models_open_sizes(tmp_path: Path) -> None:
    session = load(save_affine(tmp_path / "model.onnx"))
    (signature,) = session.inputs
    assert (signature.name, signature.dtype, signature.shape) == ("input", "float32", ("batch", 32))


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        (TensorProto.DOUBLE, "float64"), (TensorProto.FLOAT16, "float16"), (TensorProto.INT64, "int64"),
        (TensorProto.UINT8, "uint8"), (TensorProto.BOOL, "bool"), (TensorProto.INT32, "int32"),
    ],
)  # fmt: skip
def test_an_invented_input_is_accepted_by_the_runtime(tmp_path: Path, element: int, dtype: str) -> None:
    session = load(save_identity(tmp_path / "model.onnx", element, [2, 3]))
    feeds = invent_inputs(session.inputs, Inputs())
    (output,) = session.bind(feeds)()
    assert session.inputs[0].dtype == dtype
    assert np.array_equal(output, feeds["input"])


def test_a_text_input_is_refused_by_name(tmp_path: Path) -> None:
    session = load(save_identity(tmp_path / "model.onnx", TensorProto.STRING, [1], name="question"))
    with pytest.raises(RunFault, match="input question: cannot invent string"):
        invent_inputs(session.inputs, Inputs())


def test_an_ort_file_is_loaded_too(tmp_path: Path) -> None:
    source = save_affine(tmp_path / "model.onnx")
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "model.ort")
    settings.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(source), settings, providers=["CPUExecutionProvider"])
    assert load(tmp_path / "model.ort").inputs[0].name == "input"


def test_the_settings_that_it_runs_with_are_recorded(tmp_path: Path) -> None:
    path = save_affine(tmp_path / "model.onnx")
    assert load(path).options == {
        "graph_optimization": "all", "allow_spinning": True, "memory_arena": True, "provider": "CPUExecutionProvider",
        "intra_op_threads": 1, "inter_op_threads": 1,
    }  # fmt: skip
    changed = load(path, threads=2, allow_spinning=False, graph_optimization="basic").options
    wanted = {"allow_spinning": False, "graph_optimization": "basic", "intra_op_threads": 2}
    assert wanted.items() <= changed.items()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x08"])
def test_a_file_that_is_no_model_is_the_models_fault(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(RunFault) as caught:
        load(path)
    assert (caught.value.code, caught.value.fault) == ("bad_model", Fault.MODEL)


def test_another_format_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(RunFault, match=r"expected \.onnx or \.ort, got model\.tflite"):
        load(tmp_path / "model.tflite")


@pytest.mark.parametrize("options", [{"nosuch": 1}, {"allow_spinning": "yes"}, {"graph_optimization": "most"}])
def test_an_unknown_option_is_the_specs_fault(tmp_path: Path, options: dict[str, Scalar]) -> None:
    path = save_affine(tmp_path / "model.onnx")
    with pytest.raises(RunFault) as caught:
        load_runtime("onnxruntime").load(path, 1, options)
    assert (caught.value.code, caught.value.fault) == ("unknown_option", Fault.SPEC)


def test_a_whole_number_may_stand_for_a_decimal_option_but_a_truth_may_not() -> None:
    assert pick_options({"ms": 3}, {"ms": 1.0}) == {"ms": 3}
    with pytest.raises(RunFault, match="expected float, got True"):
        pick_options({"ms": True}, {"ms": 1.0})


@pytest.mark.parametrize("name", ["nosuch", "../inputs", "a.b", ""])
def test_a_runtime_that_is_not_there_is_the_specs_fault(name: str) -> None:
    with pytest.raises(RunFault) as caught:
        load_runtime(name)
    assert caught.value.code == "unknown_runtime"


def test_a_scripted_inference_takes_its_seeded_time(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    runtime = load_runtime("scripted")
    assert "no inference" in runtime.version
    call = runtime.load(path, 1, {"median_ms": 3.0, "first_factor": 5.0, "spin": True}).bind({})
    times_s = []
    for _ in range(4):
        began_s = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - began_s)
    assert times_s[0] > 0.014 and min(times_s[1:]) > 0.0028


def test_a_script_can_slow_down_and_answer_something(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    options: dict[str, Scalar] = {"median_ms": 1.0, "sigma": 0.0, "growth": 4.0, "spin": True, "output": "a cat"}
    call = load_runtime("scripted").load(path, 1, options).bind({})
    times_s = []
    for _ in range(2):
        began_s = time.perf_counter()
        assert call() == ("a cat",)
        times_s.append(time.perf_counter() - began_s)
    assert times_s[0] > 0.0009 and times_s[1] > 0.0049


def test_a_script_can_fail(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    runtime = load_runtime("scripted")
    call = runtime.load(path, 1, {"median_ms": 0.0, "fail_at": 1}).bind({})
    call()
    with pytest.raises(runtime.errors):
        call()
    with pytest.raises(RunFault, match="is not there"):
        runtime.load(tmp_path / "nosuch", 1, {})


def test_the_preflight_tries_the_runtime_with_the_model_in_the_bundle() -> None:
    assert try_runtime("onnxruntime") == f"works {onnxruntime.__version__}"
    assert try_runtime("nosuch").startswith("fails spec.runtime")


def test_the_models_for_the_preflight_are_valid() -> None:
    for path in Path(str(load_runtime.__globals__["__file__"])).parent.glob("*.onnx"):
        onnx.checker.check_model(onnx.load(path))
