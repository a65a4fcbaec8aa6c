"""The machine's lock: one per machine whatever the user, so that two measurements never overlap.

It is a `flock` on an open file description. The agent takes it and passes the descriptor on to the measuring process,
so it is held as long as either lives, and the kernel lets go of it when both are gone. The file's text says who holds
it, for people and for `start`; only the lock itself decides.
"""

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from agent.wire.codec import WireError, dumps, loads

_MODE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who took the lock last: the run folder's absolute path."""

    folder: str


class MachineLock:
    """A held lock.

    Lifecycle: `take_lock` gives one; `close` lets go of this process's share of it; others that inherited
    `descriptor` keep theirs.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        """Let go; may be called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def take_lock(path: Path, holder: Holder, *, patience_s: float = 0.5) -> MachineLock | None:
    """The lock at `path`, marked with `holder`, or None while another has it for longer than `patience_s`."""
    give_up = time.monotonic() + patience_s
    while True:
        descriptor = _open(path)
        if _try(descriptor, path):
            _mark(descriptor, holder)
            return MachineLock(descriptor)
        os.close(descriptor)
        if time.monotonic() >= give_up:
            return None
        time.sleep(0.02)


def read_holder(path: Path, *, patience_s: float = 2.0) -> Holder | None:
    """Who took the lock last, where the file says so; a holder that has yet to leave its mark is given `patience_s`."""
    give_up = time.monotonic() + patience_s
    while True:
        with contextlib.suppress(OSError, WireError):
            return loads(Holder, path.read_bytes())
        if time.monotonic() >= give_up:
            return None
        time.sleep(0.02)


def _open(path: Path) -> int:
    # An existing file is opened without O_CREAT: fs.protected_regular forbids that in a sticky folder of others.
    for flags in (os.O_RDWR, os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_EXCL):
        with contextlib.suppress(FileNotFoundError, FileExistsError, PermissionError):
            descriptor = os.open(path, flags | os.O_CLOEXEC, _MODE)
            if flags & os.O_CREAT:
                os.fchmod(descriptor, _MODE)
            return descriptor
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _try(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except (BlockingIOError, FileNotFoundError):
        return False


def _mark(descriptor: int, holder: Holder) -> None:
    with contextlib.suppress(OSError):  # a file of another user may be read-only: the mark is a courtesy
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, dumps(holder).encode(), 0)
