"""What happened on this board, one line an event: its own memory, which outlives the run folders.

``history.jsonl`` lies beside ``runs/``. A line is added when an attempt is claimed, when its measuring process is
there, and when it has ended. The claim is written and durable before the attempt comes into being, so the board never
claims the same attempt twice, whatever was forgotten meanwhile and whoever asks late. The other lines are a record for
people and for checks: nothing depends on them, and a full disk costs them; the end is told once the journal is
complete. Nothing is written in the quiet window.
"""

import contextlib
import enum
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.home import alone
from agent.processes import ProcessId
from agent.wire.codec import WireError, dumps, loads
from agent.wire.records import Ended
from agent.wire.spec import Fence

HISTORY = "history.jsonl"
OLDER = "history.1.jsonl"
MAX_BYTES = 1024 * 1024


class Happening(enum.Enum):
    """What a line tells of an attempt."""

    CLAIMED = "claimed"
    MEASURING = "measuring"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. `process` is the agent or, once it measures, the measuring process; `at_s` is the board's date."""

    happening: Happening
    run_id: str
    attempt: int
    fence: Fence
    boot_id: str
    process: ProcessId
    at_s: float
    monotonic_ns: int
    outcome: str = ""
    code: str = ""

    @property
    def folder(self) -> str:
        """Name of the attempt's run folder."""
        return f"{self.run_id}.{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Writes the lines of one attempt."""

    home: Path
    run_id: str
    attempt: int
    fence: Fence
    boot_id: str

    def claimed(self, agent: ProcessId) -> None:
        """Say that the attempt is about to be claimed; raises `OSError` where that cannot be kept."""
        _append(self.home, self._entry(Happening.CLAIMED, agent))

    def measuring(self, process: ProcessId) -> None:
        """Say which process measures."""
        with contextlib.suppress(OSError):
            _append(self.home, self._entry(Happening.MEASURING, process))

    def ended(self, agent: ProcessId, end: Ended, monotonic_ns: int) -> None:
        """Say how the attempt ended and when, once its journal is complete."""
        entry = replace(
            self._entry(Happening.ENDED, agent), monotonic_ns=monotonic_ns, outcome=end.outcome.value, code=end.code
        )
        with contextlib.suppress(OSError):
            _append(self.home, entry)

    def _entry(self, happening: Happening, process: ProcessId) -> Entry:
        return Entry(
            happening=happening,
            run_id=self.run_id,
            attempt=self.attempt,
            fence=self.fence,
            boot_id=self.boot_id,
            process=process,
            at_s=time.time(),
            monotonic_ns=time.monotonic_ns(),
        )


def read_history(home: Path) -> Iterator[Entry]:
    """The lines that are kept, oldest first; what a power cut tore is left out."""
    for name in (OLDER, HISTORY):
        yield from _entries(home / name, "")


def was_told(home: Path, happening: Happening, run_id: str, attempt: int) -> bool:
    """Whether the board remembers that this happened to an attempt."""
    return any(
        (entry.happening, entry.run_id, entry.attempt) == (happening, run_id, attempt)
        for name in (HISTORY, OLDER)
        for entry in _entries(home / name, run_id)
    )


def _entries(path: Path, containing: str) -> Iterator[Entry]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    wanted = json.dumps(containing).strip('"').encode()
    for line in lines:
        if wanted in line:
            with contextlib.suppress(WireError):
                yield loads(Entry, line)


def _append(home: Path, entry: Entry) -> None:
    with alone(home / "history.lock"):
        path = home / HISTORY
        if path.exists() and path.stat().st_size > MAX_BYTES:
            path.replace(home / OLDER)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_line(descriptor, dumps(entry).encode() + b"\n")
        finally:
            os.close(descriptor)


def _write_line(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    data = b"\n" + line if is_torn else line
    if os.write(descriptor, data) < len(data):
        os.ftruncate(descriptor, size)
        raise OSError("history: the disk is full")
    os.fsync(descriptor)
