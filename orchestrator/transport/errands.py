"""The orchestrator's end of an errand: asks, and reads the answer strictly."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from agent.wire.codec import WireError, decode, excerpt, parse_json, require
from agent.wire.names import is_plain_name
from orchestrator.errors import DeviceError
from orchestrator.transport import Completed, Transport

T = TypeVar("T")
NO_SUCH_PROGRAM = 127


class JobState(enum.Enum):
    """What became of a long job; lost: it was killed, or the board rebooted."""

    NONE = "none"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A long job on a board; `tail` is the end of its log."""

    state: JobState
    exit_code: int | None
    age_s: float
    tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a board is to somebody who wants to set it up. `environments` says what each was made of.

    `other_pythons` are looked for only where `python_version` is too old.
    """

    machine: str
    bits: int
    libc: str
    libc_version: str
    free_bytes: int
    python: str
    python_version: tuple[int, int]
    can_make_environments: bool
    other_pythons: dict[str, tuple[int, int]]
    adopted_python: str | None
    adopted_version: tuple[int, int] | None
    environments: dict[str, dict[str, str]]
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedArtifact:
    """An artifact that lies on a board; not `complete` where a push into it has not ended."""

    artifact_id: str
    size_bytes: int
    complete: bool

    def __post_init__(self) -> None:
        require(is_plain_name(self.artifact_id), "artifact_id", "a plain name", self.artifact_id)
        require(self.size_bytes >= 0, "size_bytes", "0 or more", self.size_bytes)


def take_survey(transport: Transport) -> Survey:
    """Look around; raises `DeviceError` where the board has no Python at all."""
    return _decoded(Survey, _run(transport, ["survey"]), "survey")


def launch_job(transport: Transport, name: str, script: str) -> Job:
    """Start a shell script that outlives the connection, unless that job runs already."""
    return _decoded(Job, _run(transport, ["launch", name, script]), "launch")


def job_state(transport: Transport, name: str) -> Job:
    """How a job is doing."""
    return _decoded(Job, _run(transport, ["job", name]), "job")


def stop_job(transport: Transport, name: str) -> None:
    """End a job where it runs, and forget it."""
    _run(transport, ["stop", name])


def list_artifacts(transport: Transport) -> list[StagedArtifact]:
    """The artifacts that lie on the board."""
    answer = _run(transport, ["artifacts"])
    if not isinstance(answer, list):
        raise DeviceError(f"artifacts: expected a list, the board said {excerpt(answer)}")
    return [_decoded(StagedArtifact, each, "artifacts") for each in answer]


def remove_folders(transport: Transport, names: Sequence[str]) -> list[str]:
    """Remove folders of the farm folder; gives the names of those that were there."""
    answer = _run(transport, ["remove", *names])
    removed = answer if isinstance(answer, list) else []
    if not isinstance(answer, list) or not all(name in names for name in removed):
        raise DeviceError(f"remove: expected some of {', '.join(names)}, the board said {excerpt(answer)}")
    return removed


def words_of(done: Completed) -> str:
    """What a command that failed had to say: the end of its error output, or of its output."""
    said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    return said[-400:] or "it said nothing"


def _run(transport: Transport, words: list[str]) -> Any:
    done = transport.run(["python3", "-I", "-c", _text(), *words], timeout_s=120.0)
    if done.exit_code == NO_SUCH_PROGRAM:
        raise DeviceError("python3 was not found on the board; install it: sudo apt install python3 python3-venv")
    if done.exit_code != 0:
        raise DeviceError(f"{words[0]}: exit code {done.exit_code}: {words_of(done)}")
    try:
        return parse_json(done.stdout)
    except ValueError as error:
        raise DeviceError(f"{words[0]}: expected JSON, the board said {done.stdout[:200]!r}") from error


def _decoded(cls: type[T], answer: Any, errand: str) -> T:
    try:
        return decode(cls, answer)
    except WireError as error:
        raise DeviceError(f"{errand}: the board's answer does not fit: {error}") from error


@cache
def _text() -> str:
    return resources.files("orchestrator.transport").joinpath("errand.py").read_text("utf-8")
