"""ORT format: onnxruntime's own FlatBuffers file, already optimised, always alone.

The header's mark is looked at here for the sake of a good message. Whether the rest is whole and of a version
that is still read, onnxruntime says: it verifies the buffer and the version before it believes either.
"""

import json
import subprocess
from pathlib import Path
from typing import Final

from orchestrator.boards.runtimes import DEFAULT, runtimes_for
from orchestrator.errors import ModelError
from orchestrator.formats.foreign import recognise
from orchestrator.formats.model_file import ModelFile, ModelFormat
from orchestrator.formats.trial import QUIET_PYTHON, Refusal, try_to_open

MARK: Final = b"ORTM"
MARK_OFFSET: Final = 4
OPSET_READER: Final = Path(__file__).with_name("ort_opset.py")


def read_ort(main: Path) -> ModelFile:
    """The facts of an .ort file; raises `ModelError`."""
    with main.open("rb") as file:
        mark = file.read(MARK_OFFSET + len(MARK))[MARK_OFFSET:]
    if mark != MARK:
        found = recognise(main) or f"got {mark!r}; make it again from the ONNX file"
        raise ModelError(f"{main}: expected a model in ORT format, with ORTM at byte 4, {found}")
    answer = try_to_open(main, DEFAULT)
    if isinstance(answer, Refusal):
        raise ModelError(
            f"{main}: onnxruntime {answer.version} cannot load it: {answer.reason}; make it again from the ONNX file:"
            " python -m onnxruntime.tools.convert_onnx_models_to_ort"
        )
    return ModelFile(
        format=ModelFormat.ORT,
        main=main.name,
        files={main.name: main},
        inputs=answer.inputs,
        outputs=answer.outputs,
        opset=_read_opset(main),
        size_bytes=main.stat().st_size,
        runtimes=runtimes_for(main.suffix),
    )


def _read_opset(main: Path) -> dict[str, int]:
    """The operator sets of a file whose structure onnxruntime has verified."""
    done = subprocess.run([*QUIET_PYTHON, str(OPSET_READER), str(main)], capture_output=True, check=True)
    opset: dict[str, int] = json.loads(done.stdout)
    return opset
