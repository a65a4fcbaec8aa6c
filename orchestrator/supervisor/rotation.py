"""Log files that do not grow without bound, whoever writes them: copied away and emptied in place.

A part inherits the file's descriptor and knows nothing of rotation, so the file must stay the same one. It is opened
for appending, so that the next line goes to the new beginning. Nothing can block a part, and its last words are in
the file even where nobody is left to read them; the price is that what is being written in the microseconds between
copying and emptying is cut or lost.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Settings
from orchestrator.events import log

LOGS = ("worker", "tick", "dashboard", "broker", "supervisor")
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log and its `backups` older pieces, NAME.1 the youngest; all for their owner alone (0600)."""

    path: Path
    max_bytes: int
    backups: int

    def open(self) -> int:
        """A descriptor that appends; the caller closes it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)
        return descriptor

    def rotate_if_large(self) -> bool:
        """Begin anew where the file has reached its size; whether it had."""
        try:
            if self.path.stat().st_size < self.max_bytes:
                return False
        except FileNotFoundError:
            return False
        for number in range(self.backups, 1, -1):
            younger = self._piece(number - 1)
            if younger.exists():
                younger.replace(self._piece(number))
        with self.path.open("rb+") as file:
            if self.backups:
                self._copy(file.fileno())
            file.truncate(0)
        return True

    def pieces(self) -> list[Path]:
        """The files there are, oldest first."""
        kept = [self._piece(number) for number in range(self.backups, 0, -1)]
        return [path for path in (*kept, self.path) if path.exists()]

    def _copy(self, source: int) -> None:
        """Twice `max_bytes` at most: neither what grew while nobody looked nor who writes faster fills the disk."""
        target = os.open(self._piece(1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(source, "rb", closefd=False) as whole, os.fdopen(target, "wb") as piece:
            most = 2 * self.max_bytes
            whole.seek(max(0, os.fstat(source).st_size - most))
            while most > 0 and (data := whole.read(min(most, _PIECE_BYTES))):
                piece.write(data)
                most -= len(data)

    def _piece(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def part_log(settings: Settings, name: str) -> LogFile:
    """The log of a part, or of the supervisor itself."""
    path = settings.logs_dir / f"{name}.log"
    return LogFile(path=path, max_bytes=settings.log_max_bytes, backups=settings.log_backups)


def rotate_logs(settings: Settings) -> None:
    """Begin anew those logs that have reached their size; a full disk costs older pieces, not the farm."""
    for name in LOGS:
        try:
            part_log(settings, name).rotate_if_large()
        except OSError as error:
            log.error("log not rotated", part=name, message=str(error))
