"""A board as the orchestrator sees it: the agent's commands and its files, typed, over any transport.

Every answer is read strictly. What a board refuses becomes the error that says whose fault it is; what it says
beyond understanding becomes a `DeviceError` with an excerpt.
"""

from collections.abc import Sequence
from typing import NoReturn

from agent.wire.answers import Answer, Examined, LostCause, Probe, Refused, RefusedBecause, Status, Tuned
from agent.wire.codec import WireError, dumps, essence, loads, require
from agent.wire.names import is_plain_name
from agent.wire.spec import Fence, RunSpec
from orchestrator.boards.bundle import bundle_target
from orchestrator.errors import (
    BusyError,
    ClaimedError,
    DeviceError,
    NotStagedError,
    OwnedError,
    SpecError,
    StaleFenceError,
)
from orchestrator.transport import Completed, Transport
from orchestrator.transport.errands import (
    NO_SUCH_PROGRAM,
    StagedArtifact,
    list_artifacts,
    remove_folders,
    words_of,
)

START_WAIT_S = 8.0
MAX_JOURNAL_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 256 * 1024
_ANSWER_S = 30.0
_NO_SUCH_FILE = b"can't open file"
_PREFLIGHT_S = 150.0
_ABORT_S = 60.0
_TUNE_S = 120.0


class Board:
    """The agent of one bundle on one board. `python` runs it; a run is spoken to through the bundle it started with.

    Lifecycle: holds nothing but the transport, which its maker closes.
    """

    def __init__(self, transport: Transport, *, python: str, bundle_hash: str) -> None:
        self._transport = transport
        self._python = python
        self._bundle = bundle_target(bundle_hash)

    def start(self, spec: RunSpec, *, wait_s: float = START_WAIT_S) -> Status:
        """Start a run, or find it started; waits on the board for it to be ready, at most `wait_s`.

        Raises `BusyError`, `OwnedError`, `StaleFenceError`, `ClaimedError`, `NotStagedError`, `SpecError` and
        `DeviceError`; then nothing was started.
        """
        words = ["start", "--home", ".", "--wait-s", f"{wait_s:g}"]
        status, _ = self._ask_status(words, stdin=dumps(essence(spec)).encode(), timeout_s=wait_s + _ANSWER_S)
        return _require_same(status, spec.run_id, spec.attempt)

    def status(
        self, run_id: str, attempt: int, from_byte: int, *, max_bytes: int = MAX_JOURNAL_BYTES
    ) -> tuple[Status, bytes]:
        """The state of an attempt, and its journal from a byte on, at most `max_bytes` of it."""
        words = ["status", *_attempt(run_id, attempt), "--from", str(from_byte), "--max-bytes", str(max_bytes)]
        status, journal = self._ask_status(words, timeout_s=_ANSWER_S)
        if len(journal) > max_bytes:
            raise DeviceError(f"status: at most {max_bytes} journal bytes were asked for, {len(journal)} came")
        return _require_same(status, run_id, attempt), journal

    def abort(self, run_id: str, attempt: int, fence: Fence) -> Status:
        """End an attempt and everything of it; its state afterwards. Raises as `start` does."""
        words = ["abort", *_attempt(run_id, attempt), "--farm", fence.farm_id, "--fence", str(fence.number)]
        return _require_same(self._ask_status(words, timeout_s=_ABORT_S)[0], run_id, attempt)

    def probe(self, runtimes: Sequence[str] = (), *, take_over: Fence | None = None) -> Probe:
        """What the board is, and which of these runtimes really work on it.

        With `take_over` the board changes hands first; `BusyError` while something measures there.
        """
        words = ["probe", "--home", "."]
        for runtime in runtimes:
            words += ["--runtime", runtime]
        if take_over is not None:
            words += ["--take-over", f"{take_over.farm_id}:{take_over.number}"]
        answer, rest, done = self._ask(words, timeout_s=_ANSWER_S + _PREFLIGHT_S * len(runtimes))
        if answer.probe is None or rest:
            _refuse(words[0], done)
        return answer.probe

    def examine(self) -> Examined:
        """What disturbs the board or could; takes seconds. `BusyError` while something measures there."""
        answer, rest, done = self._ask(["examine", "--home", "."], timeout_s=_TUNE_S)
        if answer.examined is None or rest:
            _refuse("examine", done)
        return answer.examined

    def prepare(self, farm_id: str) -> Tuned:
        """Set governor and clock, keeping on the board what was there.

        Raises `BusyError` while something measures there, `OwnedError` where the board is another farm's.
        """
        return self._tune("prepare", farm_id)

    def restore(self, farm_id: str) -> Tuned:
        """Put back what was there before `prepare`; harmless to repeat. Raises as `prepare` does."""
        return self._tune("restore", farm_id)

    def _tune(self, command: str, farm_id: str) -> Tuned:
        answer, rest, done = self._ask([command, "--home", ".", "--farm", farm_id], timeout_s=_TUNE_S)
        if answer.tuned is None or rest:
            _refuse(command, done)
        return answer.tuned

    def forget(self, ended: Sequence[tuple[str, int]]) -> None:
        """Remove what the board keeps of attempts (run, number), which must have ended or be lost; safe to repeat."""
        remove_folders(self._transport, [f"runs/{run_id}.{attempt}" for run_id, attempt in ended])

    def staged_artifacts(self) -> list[StagedArtifact]:
        """The artifacts that lie on the board, by id."""
        return list_artifacts(self._transport)

    def remove_artifacts(self, artifact_ids: Sequence[str]) -> None:
        """Remove artifacts from the board; one that is not there is no fault."""
        for artifact_id in artifact_ids:
            if not is_plain_name(artifact_id):
                raise SpecError(f"artifact id: expected a plain name, got {artifact_id!r}")
        if artifact_ids:
            remove_folders(self._transport, [f"artifacts/{artifact_id}" for artifact_id in artifact_ids])

    def _ask_status(self, words: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> tuple[Status, bytes]:
        answer, rest, done = self._ask(words, timeout_s=timeout_s, stdin=stdin)
        if answer.status is None:
            _refuse(words[0], done)
        if len(rest) != answer.status.journal_bytes:
            raise DeviceError(
                f"{words[0]}: the board announced {answer.status.journal_bytes} journal bytes and sent {len(rest)}"
            )
        return answer.status, rest

    def _ask(self, words: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> tuple[Answer, bytes, Completed]:
        argv = [self._python, "-I", self._bundle, *words]
        done = self._transport.run(argv, stdin=stdin, timeout_s=timeout_s)
        line, newline, rest = done.stdout.partition(b"\n")
        if done.exit_code == NO_SUCH_PROGRAM and not newline:
            raise DeviceError(f"{words[0]}: {self._python} is not on the board any more; set it up again")
        if not newline and _NO_SUCH_FILE in done.stderr:
            raise NotStagedError(f"{words[0]}: {self._bundle} is not on the board")
        if not newline:
            _refuse(words[0], done)
        try:
            require(len(line) <= MAX_ANSWER_BYTES, "answer", f"at most {MAX_ANSWER_BYTES} bytes", len(line))
            answer = loads(Answer, line)
        except WireError as error:
            raise DeviceError(f"{words[0]}: the board's answer does not fit: {error}; {words_of(done)}") from error
        if answer.error is not None:
            raise DeviceError(f"{words[0]}: the agent failed: {answer.error}; {words_of(done)}")
        if answer.refused is not None:
            raise _refusal(answer.refused)
        return answer, rest, done


def _attempt(run_id: str, attempt: int) -> list[str]:
    return ["--home", ".", "--run", run_id, "--attempt", str(attempt)]


def _require_same(status: Status, run_id: str, attempt: int) -> Status:
    if (status.run_id, status.attempt) != (run_id, attempt):
        raise DeviceError(f"the board was asked about {run_id}.{attempt}, and answered about another attempt")
    return status


def _refuse(command: str, done: Completed) -> NoReturn:
    raise DeviceError(f"{command}: no answer, exit code {done.exit_code}: {words_of(done)}")


def _refusal(refused: Refused) -> Exception:
    match refused.because:
        case RefusedBecause.BUSY:
            return BusyError(refused.message)
        case RefusedBecause.OWNED:
            return OwnedError(refused.message)
        case RefusedBecause.STALE_FENCE:
            return StaleFenceError(refused.message, owner=refused.owner, number=refused.number)
        case RefusedBecause.CLAIMED_BEFORE:
            return ClaimedError(refused.message)
        case RefusedBecause.BAD_SPEC:
            return SpecError(refused.message)
        case RefusedBecause.NO_ARTIFACT:
            return NotStagedError(refused.message)
    return DeviceError(f"{refused.because.value}: {refused.message}")


def explain_loss(cause: LostCause | None) -> str:
    """Why a board has lost an attempt, in words."""
    return {
        LostCause.REBOOTED: "the board restarted in the middle of the run",
        LostCause.AGENT_DIED: "the agent on the board was ended in the middle of the run",
        LostCause.NEVER_STARTED: "the agent claimed the run but never started it",
        LostCause.JOURNAL_CUT: "the run had ended, but the end of its journal is gone from the board's disk",
        None: "the board cannot say what became of the run",
    }[cause]
