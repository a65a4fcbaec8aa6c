"""Prints the operator sets of an ORT file as JSON: run as `python -I ort_opset.py PATH` by `ort_format`.

A program of its own, outside any package: importing onnxruntime takes a while, and starts its threads. Its tools import
PyTorch as well where that is installed, which takes ten times as long as all the rest, for nothing that is used here.
"""

import json
import sys
from pathlib import Path

sys.modules["torch"] = None  # type: ignore[assignment]  # how Python is told that there is no such module

from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession  # noqa: E402  # after it


def read_opset(path: Path) -> dict[str, int]:
    """Versions by domain, ONNX's own as ``ai.onnx``; onnxruntime has verified the structure by loading it."""
    model = InferenceSession.GetRootAs(path.read_bytes(), 0).Model()
    imports = [model.OpsetImport(index) for index in range(model.OpsetImportLength())]
    return {(each.Domain() or b"").decode() or "ai.onnx": each.Version() for each in imports}


if __name__ == "__main__":
    json.dump(read_opset(Path(sys.argv[1])), sys.stdout)
