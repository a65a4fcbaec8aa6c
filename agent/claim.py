"""A run's folder: claimed by one atomic rename, its state derived from what is there, never guessed.

A claim is made in ``runs/.new-<token>/`` by the process that will be the agent, made durable, and renamed to
``runs/<run>.<attempt>/``. An end record means ended; a living agent means active (it holds the lock as long as it
lives); anything else is lost, with its cause. Lost is terminal for the attempt.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from agent import bundle, spool
from agent.home import Home, sync_folder, write_whole
from agent.machine import boot_id
from agent.processes import ProcessId, is_alive, myself, send, wait_gone
from agent.wire.codec import WireError, dumps, loads
from agent.wire.journal import decode_line
from agent.wire.records import Ended, LostCause, RunState
from agent.wire.spec import RunSpec

_STALE_CLAIM_S = 3600.0


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
        return self.path / spool.JOURNAL

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
                file.seek(max(0, file.seek(0, os.SEEK_END) - spool.LAST_WORDS_BYTES))
                tail = file.read()
        except OSError:
            return b""
        end = max(tail.rfind(b"\n"), 0)
        return tail[tail.rfind(b"\n", 0, end) + 1 : end]

    def _cause(self, claim: Claim | None, home: Home) -> LostCause:
        if claim is not None and claim.boot_id != boot_id(home):
            return LostCause.REBOOTED
        started = self.journal.exists() and self.journal.stat().st_size > 0
        return LostCause.AGENT_DIED if started else LostCause.NEVER_STARTED


def run_folder(home: Home, run_id: str, attempt: int) -> RunFolder:
    """The folder of an attempt."""
    return RunFolder(path=home.runs / f"{run_id}.{attempt}")


def prepare_claim(home: Home, spec: RunSpec) -> Path:
    """A new claim in the making, its space reserved; raises `OSError` where the disk has no room."""
    home.runs.mkdir(parents=True, exist_ok=True)
    _sweep(home.runs)
    folder = home.runs / f".new-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        write_whole(folder / "spec.json", dumps(spec))
        spool.reserve_space(folder, spec.limits.journal_bytes)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def claim_run(home: Home, prepared: Path, spec: RunSpec) -> tuple[RunFolder, Claim] | None:
    """Bind the attempt to this process; None where another was first."""
    claim = Claim(boot_id=boot_id(home), bundle=str(bundle.location()), origin_ns=time.monotonic_ns(), agent=myself())
    write_whole(prepared / "claim.json", dumps(claim))
    target = run_folder(home, spec.run_id, spec.attempt)
    try:
        prepared.rename(target.path)
    except OSError:
        shutil.rmtree(prepared, ignore_errors=True)
        return None
    sync_folder(home.runs)
    return target, claim


def _sweep(runs: Path) -> None:
    for left in runs.glob(".new-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE_CLAIM_S:
                shutil.rmtree(left, ignore_errors=True)
