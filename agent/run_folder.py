"""A run's folder as anybody may read it: its state is derived from what is there, never guessed.

An end record means ended; a living agent means active (it holds the lock as long as it lives); anything else is lost,
with its cause. Lost is terminal for the attempt.
"""

import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from agent.history import Happening, was_told
from agent.home import Home, write_whole
from agent.machine import boot_id
from agent.processes import ProcessId, is_alive, send, wait_gone
from agent.wire.answers import LostCause, RunState
from agent.wire.codec import WireError, dumps, loads
from agent.wire.journal import decode_line
from agent.wire.records import Ended
from agent.wire.spec import RunSpec

JOURNAL = "journal.jsonl"
LAST_WORDS_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``claim.json``: who works on the attempt, in which boot, and with which code. `origin_ns` is monotonic."""

    boot_id: str
    bundle: str
    origin_ns: int
    agent: ProcessId
    measuring: ProcessId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The folder of one attempt, there or not."""

    path: Path

    def exists(self) -> bool:
        """Whether the attempt was ever claimed here."""
        return self.path.is_dir()

    @property
    def journal(self) -> Path:
        """Path of the journal."""
        return self.path / JOURNAL

    def work_folder(self) -> Path:
        """The folder that the measuring process works in, made now."""
        folder = self.path / "work"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def spec(self) -> RunSpec:
        """The spec that was claimed."""
        return loads(RunSpec, (self.path / "spec.json").read_bytes())

    def claim(self) -> Claim | None:
        """The claim, None where it cannot be read."""
        try:
            return loads(Claim, (self.path / "claim.json").read_bytes())
        except (OSError, WireError):
            return None

    def note_measuring(self, process: ProcessId | None) -> None:
        """Remember the measuring process, so that an orphan can be found and ended."""
        claim = self.claim()
        if claim is not None:
            write_whole(self.path / "claim.json", dumps(replace(claim, measuring=process)))

    def end_record(self) -> Ended | None:
        """The journal's end record, None while there is none."""
        line = self._last_line()
        try:
            envelope = json.loads(line.partition(b" ")[2])
            record = decode_line(line, envelope["seq"])
        except (WireError, ValueError, KeyError, TypeError):
            return None
        return record if isinstance(record, Ended) else None

    def state(self, home: Home) -> tuple[RunState, LostCause | None]:
        """What became of the attempt."""
        if not self.exists():
            return RunState.UNKNOWN, None
        claim = self.claim()
        alive = claim is not None and claim.boot_id == boot_id(home) and is_alive(claim.agent)
        if self.end_record() is not None:
            return RunState.ENDED, None
        if alive:
            return RunState.ACTIVE, None
        return RunState.LOST, self._cause(claim, home)

    def end_processes(self, *, patience_s: float) -> None:
        """End the agent and the measuring process of this attempt: politely, then for good; orphans too."""
        claim = self.claim()
        if claim is None:
            return
        if send(claim.agent, signal.SIGTERM):
            wait_gone(claim.agent, timeout_s=patience_s)
        latest = self.claim() or claim
        for process in (claim.agent, latest.measuring):
            if process is not None and send(process, signal.SIGKILL):
                wait_gone(process, timeout_s=5.0)

    def _last_line(self) -> bytes:
        try:
            with self.journal.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
                tail = file.read()
        except OSError:
            return b""
        end = max(tail.rfind(b"\n"), 0)
        return tail[tail.rfind(b"\n", 0, end) + 1 : end]

    def _cause(self, claim: Claim | None, home: Home) -> LostCause:
        run_id, _, number = self.path.name.rpartition(".")
        if was_told(home.path, Happening.ENDED, run_id, int(number)):
            return LostCause.JOURNAL_CUT
        if claim is not None and claim.boot_id != boot_id(home):
            return LostCause.REBOOTED
        started = self.journal.exists() and self.journal.stat().st_size > 0
        return LostCause.AGENT_DIED if started else LostCause.NEVER_STARTED


def run_folder(home: Home, run_id: str, attempt: int) -> RunFolder:
    """The folder of an attempt."""
    return RunFolder(path=home.runs / f"{run_id}.{attempt}")
