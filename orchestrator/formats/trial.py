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

import psutil

from orchestrator.boards.runtimes import remedy
from orchestrator.errors import InternalError, ModelError
from orchestrator.formats.model_file import TensorInfo
from orchestrator.text.numbers_text import size

TIME_LIMIT_S: Final = 300.0
MEMORY_SHARE: Final = 0.75  # of what is free: a file that wants more must not cost the farm its memory
# onnxruntime sends usage data from a thread of its own unless the variable is there before the process starts.
QUIET_PYTHON: Final = ("/usr/bin/env", "ORT_DISABLE_TELEMETRY=1", sys.executable, "-I")
OPENER: Final = ("-m", "agent", "describe")
ERROR_CODE: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:Load model from .*? failed:)?")
NO_MEMORY: Final = re.compile(r"(?i)bad[ _]alloc|allocate memory|(?:out of|not enough) memory")
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


def free_share_bytes() -> int:
    """What a trial may take of this machine's memory, as much as is free now."""
    return int(psutil.virtual_memory().available * MEMORY_SHARE)


def try_to_open(
    path: Path,
    runtime: str,
    opener: Sequence[str] = OPENER,
    time_limit_s: float = TIME_LIMIT_S,
    memory_bytes: int | None = None,
) -> Opened | Refusal:
    """What a runtime makes of a model file; `opener` is the program that opens it, in `memory_bytes` at most (Linux),
    a share of what is free if nothing is said.

    Raises `ModelError` where the runtime dies of the file, never ends, wants more memory, or is not installed here,
    `InternalError` where it cannot be run.
    """
    most_bytes = free_share_bytes() if memory_bytes is None else memory_bytes
    command = [*QUIET_PYTHON, *opener, "--runtime", runtime, "--model", str(path), "--memory-bytes", str(most_bytes)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=time_limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{path}: {runtime} did not load it within {time_limit_s:g} s; check that it is a sound model"
        ) from error
    if done.returncode < 0:
        _require_memory(path, runtime, done.stderr.decode(errors="replace"), most_bytes)
        killer = signal.Signals(-done.returncode).name
        raise ModelError(
            f"{path}: {runtime} was killed by {killer} while loading it: the file is damaged or hostile,"
            f" or wants more memory than the {size(most_bytes)} that it may have here"
        )
    if done.returncode > 0:
        raise InternalError(f"{runtime} cannot be run: {_last_line(done.stderr)}")
    answer = json.loads(done.stdout)
    _require_memory(path, runtime, answer.get("refusal", ""), most_bytes)
    return _read_answer(path, runtime, answer)


def _require_memory(path: Path, runtime: str, words: str, most_bytes: int) -> None:
    """Raise `ModelError` where a runtime's last words are those of one that ran out of memory."""
    if NO_MEMORY.search(words):
        raise ModelError(
            f"{path}: {runtime} wants more memory to load it than the {size(most_bytes)} that it may have, a share of"
            " what is free here; end other programs, or add it on a machine with more"
        )


def _read_answer(path: Path, runtime: str, answer: Mapping[str, Any]) -> Opened | Refusal:
    if "missing" in answer:
        raise ModelError(
            f"{path}: it needs {runtime}, which cannot be used here: {answer['missing']}; {remedy(runtime)}"
        )
    if "unfit" in answer:
        raise ModelError(f"{path}: {answer['unfit']}")
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
