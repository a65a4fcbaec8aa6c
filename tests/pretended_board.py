"""A board in memory, for tests of the attendant: keeps the agent's rules, measures nothing, takes no time.

It speaks the real wire through the real `Transport`. Its clock is the test's; a run lasts `quiet_s` of it, and in that
time whoever speaks to the board disturbs it. What a run comes to is a journal that the test hands over.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.wire.answers import Answer, LostCause, Refused, RefusedBecause, RunState, Status
from agent.wire.codec import dumps, loads
from agent.wire.records import Phase, Record
from agent.wire.spec import Fence, RunSpec
from orchestrator.transport import Completed, Progress, Pushed
from tests.journals import completed_records, encode_journal

Outcome = Callable[[RunSpec], list[Record]]


ARTIFACT_BYTES = 1000


@dataclass(slots=True)
class Clock:
    """Time that passes only when somebody waits."""

    now_s: float = 1000.0

    def read(self) -> float:
        """Seconds, monotonic."""
        return self.now_s

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


def complete(spec: RunSpec) -> list[Record]:
    """A run without a fault."""
    return completed_records(spec.run_id, spec.attempt)


@dataclass(slots=True, kw_only=True)
class PretendedRun:
    """One attempt on the board. `lost` once something happened to its agent."""

    spec: RunSpec
    ends_at_s: float
    journal: bytes
    lost: LostCause | None = None


@dataclass(slots=True, kw_only=True)
class PretendedBoard:
    """The board: a `Transport`.

    Tests set `trouble` (raised by each contact), `refusals` (of the next starts) and so on; `cut_after` raises its
    error once, after the command that it names was carried out; with `shows_all` a run's journal can be read before
    its end.
    """

    clock: Clock
    quiet_s: float = 18.0
    outcome: Outcome = complete
    fence: Fence | None = None
    trouble: Exception | None = None
    refusals: list[RefusedBecause] = field(default_factory=list)
    cut_after: dict[str, Exception] = field(default_factory=dict)
    slices: int = 1
    files: set[str] = field(default_factory=set)
    runs: dict[str, PretendedRun] = field(default_factory=dict)
    history: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    disturbances: int = 0
    shows_all: bool = False

    def open(self) -> None:
        """Be reached."""
        self._contact()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Carry out an agent's command, or the errand that lists artifacts or removes folders."""
        self._contact()
        if argv[2] == "-c":
            return self._remove(argv[5:]) if argv[4] == "remove" else self._artifacts()
        if argv[2] not in self.files:
            return Completed(exit_code=2, stdout=b"", stderr=b"can't open file")
        command, options = argv[3], dict(zip(argv[4::2], argv[5::2], strict=True))
        self.commands.append(command)
        answer, journal = {"start": self._start, "status": self._status, "abort": self._abort}[command](options, stdin)
        if error := self.cut_after.pop(command, None):
            raise error
        return Completed(exit_code=0, stdout=dumps(answer).encode() + b"\n" + journal, stderr=b"")

    def push(
        self,
        source: Path,
        target: str,
        *,
        sha256: str,
        slice_s: float | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Take a file, in as many calls as there are `slices`."""
        self._contact()
        if target in self.files:
            return Pushed(sent_bytes=0, complete=True)
        self.clock.wait(slice_s or 0.0 if self.slices > 1 else 0.0)
        self.pushed.append(target)
        if self.pushed.count(target) < self.slices:
            return Pushed(sent_bytes=1, complete=False)
        self.files.add(target)
        return Pushed(sent_bytes=source.stat().st_size, complete=True)

    def close(self) -> None:
        """Nothing is open."""

    def wipe(self) -> None:
        """Lose everything, as if somebody had removed the farm folder."""
        self.files.clear()
        self.runs.clear()
        self.history.clear()
        self.fence = None

    def _contact(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.disturbances += sum(self.clock.now_s < run.ends_at_s for run in self.runs.values() if not run.lost)

    def _start(self, options: dict[str, str], stdin: bytes) -> tuple[Answer, bytes]:
        spec = loads(RunSpec, stdin)
        if spec.folder not in self.runs:
            if self.refusals:
                return self._refuse(self.refusals.pop(0)), b""
            if f"artifacts/{spec.artifact_id}/{spec.main_file}" not in self.files:
                return self._refuse(RefusedBecause.NO_ARTIFACT), b""
            if (refusal := self._admit(spec.fence)) is not None:
                return refusal, b""
            if spec.folder in self.history:
                return self._refuse(RefusedBecause.CLAIMED_BEFORE), b""
            self.started.append(spec.folder)
            self.history.add(spec.folder)
            journal = encode_journal(self.outcome(spec))
            self.runs[spec.folder] = PretendedRun(spec=spec, ends_at_s=self.clock.now_s + self.quiet_s, journal=journal)
        elif replace(self.runs[spec.folder].spec, fence=spec.fence) != spec:
            return self._refuse(RefusedBecause.CLAIMED_BEFORE), b""
        return self._answer(spec.run_id, spec.attempt, b""), b""

    def _status(self, options: dict[str, str], stdin: bytes) -> tuple[Answer, bytes]:
        run_id, attempt = options["--run"], int(options["--attempt"])
        run = self.runs.get(f"{run_id}.{attempt}")
        first, size = int(options["--from"]), int(options["--max-bytes"])
        is_hidden = run is None or (self._is_active(run) and not self.shows_all)
        journal = b"" if run is None or is_hidden else run.journal[first : first + size]
        return self._answer(run_id, attempt, journal), journal

    def _abort(self, options: dict[str, str], stdin: bytes) -> tuple[Answer, bytes]:
        run_id, attempt = options["--run"], int(options["--attempt"])
        fence = Fence(farm_id=options["--farm"], number=int(options["--fence"]))
        if (refusal := self._admit(fence)) is not None:
            return refusal, b""
        if run := self.runs.get(f"{run_id}.{attempt}"):
            run.ends_at_s = self.clock.now_s
        return self._answer(run_id, attempt, b""), b""

    def _artifacts(self) -> Completed:
        names = {name.split("/")[1] for name in self.files if name.startswith("artifacts/")}
        artifacts = [{"artifact_id": name, "size_bytes": ARTIFACT_BYTES, "complete": True} for name in sorted(names)]
        return Completed(exit_code=0, stdout=json.dumps(artifacts).encode(), stderr=b"")

    def _remove(self, names: Sequence[str]) -> Completed:
        for name in names:
            self.runs.pop(name.removeprefix("runs/"), None)
            self.files = {file for file in self.files if not file.startswith(f"{name}/")}
        self.commands.append("remove")
        if error := self.cut_after.pop("remove", None):
            raise error
        return Completed(exit_code=0, stdout=json.dumps(list(names)).encode(), stderr=b"")

    def _admit(self, fence: Fence) -> Answer | None:
        if self.fence is not None and self.fence.farm_id != fence.farm_id:
            return self._refuse(RefusedBecause.OWNED)
        if self.fence is not None and fence.number < self.fence.number:
            return self._refuse(RefusedBecause.STALE_FENCE)
        self.fence = fence
        return None

    def _refuse(self, because: RefusedBecause) -> Answer:
        owner, number = (None, None) if self.fence is None else (self.fence.farm_id, self.fence.number)
        return Answer(refused=Refused(because=because, message=f"{because.value}!", owner=owner, number=number))

    def _answer(self, run_id: str, attempt: int, journal: bytes) -> Answer:
        run = self.runs.get(f"{run_id}.{attempt}")
        state = RunState.UNKNOWN if run is None else self._state(run)
        is_active = run is not None and state is RunState.ACTIVE
        return Answer(
            status=Status(
                run_id=run_id,
                attempt=attempt,
                state=state,
                phase=Phase.READY if is_active else None,
                cause=run.lost if run is not None else None,
                next_report_in_s=run.ends_at_s - self.clock.now_s if run is not None and is_active else None,
                journal_bytes=len(journal),
            )
        )

    def _state(self, run: PretendedRun) -> RunState:
        if run.lost is not None:
            return RunState.LOST
        return RunState.ACTIVE if self._is_active(run) else RunState.ENDED

    def _is_active(self, run: PretendedRun) -> bool:
        return run.lost is None and self.clock.now_s < run.ends_at_s
