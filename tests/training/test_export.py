"""The files compute what the network computes, and name no machine."""

import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from training.export import write_onnx, write_torchscript
from training.network import PLANS, Detector, fused

IMAGES = np.random.default_rng(1).random((1, 3, 128, 128), np.float32)
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def network() -> Detector:
    torch.manual_seed(1)
    return fused(Detector(PLANS["slim"]))


@pytest.fixture(scope="module")
def expected(network: Detector) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(IMAGES)).numpy())


def test_the_onnx_file_computes_what_the_network_computes(network: Detector, expected: object, tmp_path: Path) -> None:
    write_onnx(network, tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"images": IMAGES})[0] == pytest.approx(expected, abs=1e-3)


def test_the_torchscript_file_computes_what_the_network_computes(
    network: Detector, expected: object, tmp_path: Path
) -> None:
    write_torchscript(network, tmp_path / "x.torchscript")
    with pytest.warns(DeprecationWarning):  # of TorchScript as a whole
        module = torch.jit.load(str(tmp_path / "x.torchscript"))
    assert module(torch.from_numpy(IMAGES)).detach().numpy() == pytest.approx(expected, abs=1e-4)


def test_the_same_network_gives_the_same_onnx_bytes(network: Detector, tmp_path: Path) -> None:
    for name in ("one.onnx", "other.onnx"):
        write_onnx(network, tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()


def test_no_file_says_where_it_was_written(network: Detector, tmp_path: Path) -> None:
    write_onnx(network, tmp_path / "x.onnx")
    write_torchscript(network, tmp_path / "x.torchscript")
    here = str(Path(__file__).parents[2]).encode()
    assert here not in (tmp_path / "x.onnx").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.torchscript") as archive:
        assert not [name for name in archive.namelist() if "debug" in name or here in archive.read(name)]
