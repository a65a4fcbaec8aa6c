"""How the orchestrator speaks to a board: run a command there, push a file there. Nothing else passes.

Every command runs in the board's *farm folder*, and every path is relative to it; the first connection
creates it. `ssh.py` is the only importer of fabric and paramiko, `local.py` does the
same with processes of this machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int], None]
"""Told of each piece that was sent: bytes on the board so far, bytes in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ended on the board; `exit_code` is negative where a signal ended it."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What one call of `push` did. Not `complete`: the slice was over; call again and it goes on."""

    sent_bytes: int
    complete: bool


class Transport(Protocol):
    """A way to one board.

    Lifecycle: cheap to make, opens itself on first use and again after a break; `close` is safe to repeat and
    leaves it usable. For one thread at a time. Raises `TransportError` (unreachable, cut, time-out) and
    `HostKeyError`.
    """

    def open(self) -> None:
        """Reach the board now, so that a fault shows before anything is asked of it."""
        ...

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Run a program in the farm folder to its end. After a time-out it may still run there."""
        ...

    def push(
        self,
        source: Path,
        target: str,
        *,
        sha256: str,
        slice_s: float | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Bring a file to `target`, whole or not at all: grows ``<target>.part``, verifies, renames.

        Sends nothing where the target has that hash already. Stops after `slice_s` of sending.
        """
        ...

    def close(self) -> None:
        """Drop the connection, if there is one."""
        ...
