"""Reads logs as they lie on disk: the last lines over all pieces, and what comes, across rotations."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from orchestrator.supervisor.rotation import LogFile


def last_lines(log: LogFile, most: int) -> list[str]:
    """The last lines of a log, oldest first; a torn beginning of the oldest piece counts as a line."""
    lines: deque[str] = deque(maxlen=most)
    for piece in log.pieces():
        with piece.open(encoding="utf-8", errors="replace") as file:
            lines.extend(line.rstrip("\n") for line in file)
    return list(lines)


@dataclass(kw_only=True)
class Follower:
    """Gives whole new lines of a file from its end on; one that became shorter is read from its beginning."""

    path: Path
    _from_byte: int = -1
    _torn: bytes = b""

    def __post_init__(self) -> None:
        self._from_byte = self._size_bytes()

    def new_lines(self) -> list[str]:
        """What was written since the last call."""
        if self._size_bytes() < self._from_byte:
            self._from_byte, self._torn = 0, b""
        try:
            with self.path.open("rb") as file:
                file.seek(self._from_byte)
                data = file.read()
        except FileNotFoundError:
            return []
        self._from_byte += len(data)
        *whole, self._torn = (self._torn + data).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def _size_bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
