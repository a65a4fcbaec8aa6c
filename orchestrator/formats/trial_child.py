"""Opens one model with onnxruntime and prints what it is: run as `python -I trial_child.py PATH` by `trial`.

A program of its own, outside any package, because the file it opens may end the process. Prints one JSON
document: ``{"version", "inputs", "outputs", "opset"}``, or ``{"version", "refusal"}`` with onnxruntime's own
words. `opset` is null for an ONNX file, which says it itself. Uses the CPU provider with its default
optimisations, as a run does.
"""

import json
import sys
from pathlib import Path
from typing import Any

import onnxruntime

SILENT = 4


def describe(path: Path) -> dict[str, Any]:
    """What onnxruntime makes of the model file at `path`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the top of this program: whatever it raises is the answer
        return {"version": onnxruntime.__version__, "refusal": str(error)}
    return {
        "version": onnxruntime.__version__,
        "inputs": [_describe_value(value) for value in session.get_inputs()],
        "outputs": [_describe_value(value) for value in session.get_outputs()],
        "opset": _read_ort_opset(path) if path.suffix == ".ort" else None,
    }


def _describe_value(value: Any) -> dict[str, Any]:
    return {"name": value.name, "type": value.type, "shape": value.shape}


def _read_ort_opset(path: Path) -> dict[str, int]:
    """The operator sets of an ORT file; onnxruntime has verified its structure by loading it."""
    from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    model = InferenceSession.GetRootAs(path.read_bytes(), 0).Model()
    imports = [model.OpsetImport(index) for index in range(model.OpsetImportLength())]
    return {(each.Domain() or b"").decode() or "ai.onnx": each.Version() for each in imports}


if __name__ == "__main__":
    onnxruntime.set_default_logger_severity(SILENT)
    json.dump(describe(Path(sys.argv[1])), sys.stdout)
