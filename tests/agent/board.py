"""A board for integration tests: a home in a temporary folder and the real agent, run from a zipapp."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agent.processes import ProcessId, is_alive
from agent.run_folder import RunFolder
from agent.wire.answers import Answer, Probe, Refused, RunState, Status
from agent.wire.codec import dumps, loads
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Ended, Phase, Record
from agent.wire.spec import RunSpec
from tests.agent.specs import ARTIFACT_ID

PATIENCE_S = 30.0
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One home and the agent's bundle."""

    home: Path
    bundle: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def artifact(self) -> Path:
        """Folder of the one staged artifact."""
        return self.home / "artifacts" / ARTIFACT_ID

    def note(self, **notes: Any) -> None:
        """Write board.json, with a lock of its own unless told otherwise."""
        told = {"lock": str(self.home / "machine.lock"), **notes}
        (self.home / "board.json").write_text(json.dumps(told))

    def command(self, *arguments: str) -> list[str]:
        """The command line of one agent command."""
        return [sys.executable, "-I", str(self.bundle), arguments[0], "--home", ".", *arguments[1:]]

    def call(self, *arguments: str, stdin: bytes = b"", exit_code: int = 0) -> tuple[Answer, bytes]:
        """Run a command; its answer and what follows the line."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin, capture_output=True, cwd=self.home, timeout=PATIENCE_S, check=False, env=self.environment,
        )  # fmt: skip
        assert done.returncode == exit_code, done.stderr.decode()
        line, _, journal = done.stdout.partition(b"\n")
        return loads(Answer, line), journal

    def start(self, spec: RunSpec, *, wait_s: float = 8.0) -> Status:
        """Start a run that must not be refused."""
        answer, journal = self.call("start", "--wait-s", str(wait_s), stdin=dumps(spec).encode())
        assert answer.status is not None, answer
        assert len(journal) == answer.status.journal_bytes
        return answer.status

    def refuse(self, spec: RunSpec) -> Refused:
        """Start a run that must be refused."""
        answer, _ = self.call("start", stdin=dumps(spec).encode())
        assert answer.refused is not None, answer
        return answer.refused

    def status(self, spec: RunSpec, first_byte: int = 0, **options: int) -> tuple[Status, bytes]:
        """Status of a run and its journal from a byte on."""
        more = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        answer, journal = self.call(*self._of("status", spec), "--from", str(first_byte), *more)
        assert answer.status is not None, answer
        return answer.status, journal

    def abort(self, spec: RunSpec, *, fence: int = 1, farm: str = "farm-a") -> Answer:
        """Abort a run."""
        return self.call(*self._of("abort", spec), "--farm", farm, "--fence", str(fence))[0]

    def probe(self, *arguments: str) -> Probe:
        """Probe the board."""
        answer, _ = self.call("probe", *arguments)
        assert answer.probe is not None, answer
        return answer.probe

    def folder(self, spec: RunSpec) -> RunFolder:
        """The run's folder."""
        return RunFolder(path=self.home / "runs" / spec.folder)

    def finish(self, spec: RunSpec) -> list[Record]:
        """Wait until the run has ended; its records."""
        wait_for(lambda: self.folder(spec).end_record())
        return [record for _, record in read_lines(self._whole_journal(spec), Cursor())]

    def _whole_journal(self, spec: RunSpec) -> bytes:
        """An ended run's journal, which one answer does not hold where inferences are short."""
        journal, is_more = b"", True
        while is_more:
            status, part = self.status(spec, len(journal))
            assert status.state is RunState.ENDED
            journal, is_more = journal + part, status.next_report_in_s is not None
        return journal

    def attend(self, spec: RunSpec) -> list[Record]:
        """Come back until the run is ready, then see it to its end; its records."""
        self.start(spec)
        return self.finish(spec)

    def run(self, spec: RunSpec) -> list[Record]:
        """Start a run and see it to its end; its records."""
        return self.attend(spec)

    def processes(self, spec: RunSpec) -> tuple[ProcessId, ProcessId]:
        """The living agent and the measuring process of a run."""
        return wait_for(lambda: self._find_processes(spec))

    def _find_processes(self, spec: RunSpec) -> tuple[ProcessId, ProcessId] | None:
        claim = self.folder(spec).claim()
        return None if claim is None or claim.measuring is None else (claim.agent, claim.measuring)

    def end_all(self) -> None:
        """End whatever a failed test left behind."""
        for path in (self.home / "runs").glob("*"):
            RunFolder(path=path).end_processes(patience_s=1.0)

    @staticmethod
    def _of(command: str, spec: RunSpec) -> Sequence[str]:
        return command, "--run", spec.run_id, "--attempt", str(spec.attempt)


def wait_for(look: Callable[[], V | bool | None]) -> V:
    """What `look` finds, as soon as it finds something; fails after a while."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        found = look()
        if found is not None and found is not False:
            return found  # type: ignore[return-value]  # True is what a V of bool is
        time.sleep(0.01)
    raise AssertionError("it never happened")


def wait_gone(process: ProcessId) -> None:
    """Wait until a process has ended."""
    wait_for(lambda: not is_alive(process))


def kill(process: ProcessId) -> None:
    """Kill a process at once."""
    os.kill(process.pid, signal.SIGKILL)


def ended(records: Sequence[Record]) -> Ended:
    """The end record of a journal."""
    last = records[-1]
    assert isinstance(last, Ended)
    return last


def phases(records: Sequence[Record]) -> list[Phase]:
    """The phases of a journal in their order."""
    from agent.wire.records import PhaseEntered

    return [record.phase for record in records if isinstance(record, PhaseEntered)]
