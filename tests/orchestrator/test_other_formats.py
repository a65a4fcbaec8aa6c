"""Files of other runtimes, as people hand them over: what belongs to one, and what is said of everything else."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from orchestrator.errors import ModelError
from orchestrator.formats import ModelFormat, TensorInfo, read_model
from tests.agent.other_models import (
    FILTERS,
    SHAPE,
    SIZE,
    save_litert,
    save_ncnn,
    save_openvino,
    save_pt2,
    save_torchscript,
)

pytestmark = pytest.mark.integration
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None and not os.environ.get("CI"), reason="torch is not installed: make torch"
)


def test_an_ncnn_net_comes_with_its_weights_and_without_a_batch(tmp_path: Path) -> None:
    path = save_ncnn(tmp_path)
    facts = read_model(path)
    assert (facts.format, facts.runtimes, set(facts.files)) == (ModelFormat.NCNN, ("ncnn",), {"net.param", "net.bin"})
    assert facts.inputs == (TensorInfo(name="image", dtype="float32", shape=SHAPE[1:]),)
    assert facts.size_bytes == path.stat().st_size + path.with_suffix(".bin").stat().st_size


def test_a_litert_model_declares_its_shapes(tmp_path: Path) -> None:
    facts = read_model(save_litert(tmp_path))
    assert (facts.format, facts.runtimes) == (ModelFormat.TFLITE, ("litert",))
    assert facts.outputs == (TensorInfo(name="answer", dtype="float32", shape=(1, SIZE, SIZE, FILTERS)),)


def test_an_openvino_model_comes_with_its_weights(tmp_path: Path) -> None:
    facts = read_model(save_openvino(tmp_path))
    assert (facts.format, set(facts.files)) == (ModelFormat.OPENVINO, {"net.xml", "net.bin"})
    assert facts.inputs[0].shape == SHAPE


@needs_torch
def test_a_program_of_torch_export_declares_its_shapes(tmp_path: Path) -> None:
    facts = read_model(save_pt2(tmp_path))
    assert (facts.format, facts.runtimes, facts.inputs[0].shape) == (ModelFormat.PT2, ("torch",), SHAPE)


@needs_torch
@pytest.mark.parametrize("suffix", [".torchscript", ".pt"])
def test_a_torchscript_program_is_taken_under_both_its_endings_and_has_no_shapes(tmp_path: Path, suffix: str) -> None:
    path = save_torchscript(tmp_path).rename(tmp_path / f"program{suffix}")
    facts = read_model(path)
    assert (facts.format, facts.inputs[0].shape) == (ModelFormat.TORCHSCRIPT, None)


@needs_torch
def test_a_program_under_the_ending_of_another_is_told_its_own(tmp_path: Path) -> None:
    script = save_torchscript(tmp_path).rename(tmp_path / "a.pt2")
    with pytest.raises(ModelError, match=r"expected a program of torch\.export, got a TorchScript program; name it"):
        read_model(script)
    program = save_pt2(tmp_path).rename(tmp_path / "b.pt")
    with pytest.raises(ModelError, match=r"got a program of torch\.export; name it NAME\.pt2"):
        read_model(program)


@pytest.mark.parametrize("save", [save_ncnn, save_openvino])
def test_a_net_without_its_weights_names_the_file_that_is_missing(tmp_path: Path, save: object) -> None:
    path = save(tmp_path)  # type: ignore[operator]  # a function, whose type parametrize forgets
    path.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"its weights, net\.bin, are not beside it; put both files into one folder"):
        read_model(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("net.param", b"nonsense", "expected an ncnn net, with 7767517 in its first line, got a text file"),
        ("net.tflite", bytes(64), "expected a LiteRT model, with TFL3 at byte 4"),
        ("net.xml", b"<html></html>", "expected an OpenVINO IR, got a text file"),
        ("net.pt2", b"PK\x03\x04", "expected a program of torch.export, got a zip archive"),
        ("net.torchscript", b"\x80\x02pickle", "expected a TorchScript program, got a Python pickle"),
    ],
)
def test_what_is_no_such_file_is_told_apart_before_a_runtime_sees_it(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_model(tmp_path / name)


def test_a_net_that_its_runtime_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    path = save_litert(tmp_path)
    content = bytearray(path.read_bytes())
    content[-120:] = bytes(120)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"net\.tflite: litert .* cannot load it|was killed by"):
        read_model(path)


def test_a_folder_with_one_such_net_is_one_variant(tmp_path: Path) -> None:
    save_ncnn(tmp_path)
    shutil.copy(tmp_path / "net.param", tmp_path / "._net.param")
    assert read_model(tmp_path).main == "net.param"
