"""Opens a model with its runtime in a process of its own, so that a file that ends the process ends no pifarm.

The last step of reading a model, and the one that decides: whether an opset, an IR version or an ORT format
version is supported is asked of the installed onnxruntime instead of a table, which would be wrong after the
next release.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.errors import InternalError, ModelError
from orchestrator.formats.model_file import TensorInfo

CHILD: Final = Path(__file__).with_name("trial_child.py")
TIME_LIMIT_S: Final = 300.0
NUMPY_NAMES: Final = {"float": "float32", "double": "float64"}
ERROR_CODE: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:Load model from .*? failed:)?")
SOURCE_LINE: Final = re.compile(r"\S+\.(?:cc|h):\d+ .*?\)(?: const)? ")
# onnxruntime sends usage data from a thread of its own unless the variable is there before the process starts.
_QUIETLY = ("/usr/bin/env", "ORT_DISABLE_TELEMETRY=1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a runtime says of a model that it has loaded. `opset` is empty where only the file says it."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    opset: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the runtime of this version does not load a model, in its own words."""

    version: str
    reason: str


def try_to_open(path: Path, child: Path = CHILD, time_limit_s: float = TIME_LIMIT_S) -> Opened | Refusal:
    """What onnxruntime makes of a model file; `child` is the program that opens it.

    Raises `ModelError` where onnxruntime dies of the file or never ends, `InternalError` where it cannot be
    run.
    """
    try:
        done = subprocess.run(
            [*_QUIETLY, sys.executable, "-I", str(child), str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{path}: onnxruntime did not load it within {time_limit_s:g} s; check that it is a sound model"
        ) from error
    if done.returncode < 0:
        killer = signal.Signals(-done.returncode).name
        raise ModelError(
            f"{path}: onnxruntime was killed by {killer} while loading it: the file is damaged or hostile,"
            " or the memory ran out"
        )
    if done.returncode > 0:
        raise InternalError(f"onnxruntime cannot be run: {_last_line(done.stderr)}")
    return _read_answer(json.loads(done.stdout))


def _read_answer(answer: Mapping[str, Any]) -> Opened | Refusal:
    if "refusal" in answer:
        return Refusal(version=answer["version"], reason=_plain_words(answer["refusal"]))
    return Opened(
        inputs=tuple(_tensor(value) for value in answer["inputs"]),
        outputs=tuple(_tensor(value) for value in answer["outputs"]),
        opset=answer["opset"] or {},
    )


def _tensor(value: Mapping[str, Any]) -> TensorInfo:
    kind = value["type"]  # tensor(float), tensor(int64), seq(tensor(float)), ...
    inner = kind.removeprefix("tensor(").removesuffix(")") if kind.startswith("tensor(") else kind
    return TensorInfo(name=value["name"], dtype=NUMPY_NAMES.get(inner, inner), shape=tuple(value["shape"]))


def _plain_words(refusal: str) -> str:
    """onnxruntime's message without its error code, the path, and the C++ signature that follows."""
    code = ERROR_CODE.match(refusal)
    words = refusal[code.end() :] if code else refusal
    source = SOURCE_LINE.match(words)
    return " ".join((words[source.end() :] if source else words).split()).rstrip(".")


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
