"""Opens a model with its runtime in a process of its own, so that a file that ends the process ends no pifarm.

The last step of reading a model, and the one that decides: whether an opset, an IR version or the version of a format
is supported is asked of the installed runtime, through the agent's own file for it, instead of a table, which would be
wrong after the next release.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.errors import InternalError, ModelError
from orchestrator.formats.model_file import TensorInfo
from orchestrator.runtimes import remedy

TIME_LIMIT_S: Final = 300.0
# onnxruntime sends usage data from a thread of its own unless the variable is there before the process starts.
QUIET_PYTHON: Final = ("/usr/bin/env", "ORT_DISABLE_TELEMETRY=1", sys.executable, "-I")
OPENER: Final = ("-m", "agent", "describe")
ERROR_CODE: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:Load model from .*? failed:)?")
SOURCE_LINE: Final = re.compile(r"\S+\.(?:cc|h):\d+ .*?\)(?: const)? ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a runtime says of a model that it has loaded."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the runtime of this version does not load a model, in its own words."""

    version: str
    reason: str


def try_to_open(
    path: Path, runtime: str, opener: Sequence[str] = OPENER, time_limit_s: float = TIME_LIMIT_S
) -> Opened | Refusal:
    """What a runtime makes of a model file; `opener` is the program that opens it.

    Raises `ModelError` where the runtime dies of the file, never ends, or is not installed here, `InternalError` where
    it cannot be run.
    """
    command = [*QUIET_PYTHON, *opener, "--runtime", runtime, "--model", str(path)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=time_limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{path}: {runtime} did not load it within {time_limit_s:g} s; check that it is a sound model"
        ) from error
    if done.returncode < 0:
        killer = signal.Signals(-done.returncode).name
        raise ModelError(
            f"{path}: {runtime} was killed by {killer} while loading it: the file is damaged or hostile,"
            " or the memory ran out"
        )
    if done.returncode > 0:
        raise InternalError(f"{runtime} cannot be run: {_last_line(done.stderr)}")
    return _read_answer(path, runtime, json.loads(done.stdout))


def _read_answer(path: Path, runtime: str, answer: Mapping[str, Any]) -> Opened | Refusal:
    if "missing" in answer:
        raise ModelError(
            f"{path}: it needs {runtime}, which cannot be used here: {answer['missing']}; {remedy(runtime)}"
        )
    if "refusal" in answer:
        return Refusal(version=answer["version"], reason=_plain_words(answer["refusal"]))
    return Opened(inputs=tuple(map(_tensor, answer["inputs"])), outputs=tuple(map(_tensor, answer["outputs"])))


def _tensor(value: Mapping[str, Any]) -> TensorInfo:
    shape = value["shape"]
    return TensorInfo(name=value["name"], dtype=value["dtype"], shape=None if shape is None else tuple(shape))


def _plain_words(refusal: str) -> str:
    """A runtime's message without onnxruntime's error code, the path, and the C++ signature that follows."""
    code = ERROR_CODE.match(refusal)
    words = refusal[code.end() :] if code else refusal
    source = SOURCE_LINE.match(words)
    return " ".join((words[source.end() :] if source else words).split()).rstrip(".")


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
