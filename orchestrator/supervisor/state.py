"""What others may know of a supervisor: whether one runs here, and who its parts are.

Whether one runs is the lock's to say, which the kernel releases with its holder; the file tells the rest and counts
for nothing while the lock is free.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.wire.codec import WireError, dumps, loads
from orchestrator.config import Settings
from orchestrator.errors import SpecError

LOOK_S = 0.5
_RETRY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PartState:
    """One part now; `pid` is null while it waits to be started again. Times are seconds since the epoch."""

    name: str
    pid: int | None
    since_s: float
    restarts: int = 0
    keeps_dying: bool = False
    last_end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorState:
    """A supervisor: `is_ready` once all parts were started, `is_draining` once it was told to stop."""

    pid: int
    since_s: float
    is_ready: bool = False
    is_draining: bool = False
    parts: tuple[PartState, ...] = ()


def is_running(settings: Settings) -> bool:
    """Whether a supervisor runs for this state home."""
    try:
        with _lock_file(settings).open() as file:
            return not try_lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def read_state(settings: Settings) -> SupervisorState | None:
    """What the running supervisor said last; None where none runs or it has said nothing yet."""
    if not is_running(settings):
        return None
    try:  # read afterwards: what a killed one left is removed as soon as the next one runs
        return loads(SupervisorState, _state_file(settings).read_bytes())
    except (FileNotFoundError, WireError):
        return None


def write_state(settings: Settings, state: SupervisorState) -> None:
    """Say who runs here, whole or not at all."""
    file = _state_file(settings)
    draft = file.with_suffix(".new")
    draft.write_text(dumps(state), encoding="utf-8")
    draft.replace(file)


@contextlib.contextmanager
def supervisor_lock(settings: Settings, purpose: str) -> Iterator[None]:
    """Be the only one who runs this state home's farm; raises `SpecError` that names the one who does."""
    with _lock_file(settings).open("a+") as file:
        patience_ends_s = time.monotonic() + LOOK_S
        while not try_lock(file):
            if time.monotonic() < patience_ends_s:  # somebody may only be looking whether it is held
                time.sleep(_RETRY_S)
                continue
            file.seek(0)
            raise SpecError(
                f"{purpose}: a farm runs here already (pid {file.read().strip() or '?'}, state home {settings.home});"
                " stop it first, or set PIFARM_HOME to another folder"
            )
        _state_file(settings).unlink(missing_ok=True)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            _state_file(settings).unlink(missing_ok=True)


def try_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file unless somebody else has; the lock ends with the file."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_file(settings: Settings) -> Path:
    return settings.home / "supervisor.lock"


def _state_file(settings: Settings) -> Path:
    return settings.home / "supervisor.json"
