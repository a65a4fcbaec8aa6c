"""The journal on the board's disk: whole lines only, space reserved before the start.

Lifecycle: `Spool` opens the journal of a run folder; `append` writes lines; `release_reserve` gives the reserved space
back just before the tail is written; `close`. A short write is cut back to the last whole line and raises.
"""

import contextlib
import errno
import os
from pathlib import Path

from agent.errors import RunFault
from agent.run_folder import JOURNAL, LAST_WORDS_BYTES
from agent.wire.journal import encode_line
from agent.wire.packed import Written
from agent.wire.records import Ended

RESERVE = "reserve"


class Spool:
    """The open journal of one attempt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._ends: list[int] = []  # size of the file after each line

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._ends[-1] if self._ends else 0

    def append(self, *records: Written) -> None:
        """Write records, each whole or not at all; raises `RunFault` when the disk is full."""
        for record in records:
            self._write(encode_line(len(self._ends), record))

    def end(self, record: Ended) -> None:
        """Write the last record in any case: where the disk is full, the newest lines make room for it."""
        try:
            self.append(record)
        except RunFault:
            self.forget_after(max(self.size - LAST_WORDS_BYTES, 0))
            self.append(record)
        self.sync()

    def forget_after(self, size: int) -> None:
        """Cut the journal back to the last whole line that ends within `size` bytes."""
        while self.size > size:
            self._ends.pop()
        os.ftruncate(self._descriptor, self.size)

    def sync(self) -> None:
        """Make everything that was written durable."""
        os.fsync(self._descriptor)

    def release_reserve(self) -> None:
        """Give the reserved space to the journal."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / RESERVE).unlink()

    def close(self) -> None:
        """Close the file; the journal stays."""
        os.close(self._descriptor)

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise RunFault("no_space", f"journal: {error.strerror} after {self.size} bytes") from error
        if written < len(line):
            os.ftruncate(self._descriptor, self.size)
            raise RunFault("no_space", f"journal: the disk is full after {self.size} bytes")
        self._ends.append(self.size + written)


def reserve_space(folder: Path, size: int) -> None:
    """Set `size` bytes of disk aside in a run folder, where the system can; raises `OSError` when there is no room."""
    if not hasattr(os, "posix_fallocate"):
        return
    with (folder / RESERVE).open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise  # anything else is a file system that cannot set space aside
