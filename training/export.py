"""Writes a trained detector as ONNX and as TorchScript; non-maximum suppression stays outside of both.

Nothing of the machine that wrote them is in the files: no paths, no times. The same network gives the same ONNX bytes;
TorchScript numbers its classes by what the process has traced before.
"""

import contextlib
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import onnx
import torch

from orchestrator.demo.detection.scenes import SIDE
from training.network import Detector

OPSET: Final = 17  # old enough for every runtime of the last years
INPUT: Final = "images"
OUTPUT: Final = "output0"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_WHERE_CODE_CAME_FROM: Final = ".debug_pkl"


def write_onnx(network: Detector, path: Path) -> None:
    """`images` float32 (1, 3, 128, 128) -> `output0` float32 (1, 14, 320)."""
    content, names = io.BytesIO(), {"input_names": [INPUT], "output_names": [OUTPUT]}
    with _tracing():
        torch.onnx.export(network, (_example(),), content, opset_version=OPSET, dynamo=False, **names)
    model = onnx.load_from_string(content.getvalue())
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def write_torchscript(network: Detector, path: Path) -> None:
    """The same as a traced program, without the notes of which source lines it came from."""
    content = io.BytesIO()
    with _tracing():
        torch.jit.save(torch.jit.trace(network, _example()), content)
    with zipfile.ZipFile(content) as written, zipfile.ZipFile(path, "w") as archive:
        for name in written.namelist():
            if not name.endswith(_WHERE_CODE_CAME_FROM):
                archive.writestr(zipfile.ZipInfo(name, _DATE), written.read(name))


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """Without gradients, and without what PyTorch says of tracing: its successors write opset 18 and no TorchScript."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        yield


def _example() -> torch.Tensor:
    return torch.zeros(1, 3, SIDE, SIDE)
