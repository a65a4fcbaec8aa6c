"""What `start`, `status` and `abort` answer: the state of an attempt, and the journal's next bytes."""

from dataclasses import dataclass

from agent import contact
from agent.home import Home
from agent.run_folder import RunFolder, run_folder
from agent.wire.answers import Answer, RunState, Status
from agent.wire.records import Phase

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, and the raw journal bytes that follow its line."""

    answer: Answer
    journal: bytes = b""


def report(home: Home, run_id: str, attempt: int, *, first_byte: int = 0, max_bytes: int = MAX_BYTES) -> Reply:
    """State of an attempt and its journal from `first_byte`; to an active run this is a contact."""
    folder = run_folder(home, run_id, attempt)
    state, cause = folder.state(home)
    phase, next_s, note = None, None, None
    if state is RunState.ACTIVE:
        note = contact.read_note(folder.path)
        claim = folder.claim()
        if claim is not None:
            phase, next_s = contact.announce(folder.path, note, claim.agent)
    elif state is RunState.ENDED:
        phase = Phase.END
    journal, is_more = _read(folder, first_byte, max_bytes)
    status = Status(
        run_id=run_id,
        attempt=attempt,
        state=state,
        phase=phase,
        cause=cause,
        next_report_in_s=0.0 if is_more else next_s,
        journal_bytes=len(journal),
        waiting_for=note.waiting_for if note is not None and phase is Phase.GATE else "",
        temperature_c=note.temperature_c if note is not None and phase is Phase.GATE else None,
        ready_in_s=note.ready_in_s if note is not None and phase is Phase.GATE else None,
        progress=note.progress if note is not None and phase is Phase.EVALUATING else None,
    )
    return Reply(answer=Answer(status=status), journal=journal)


def _read(folder: RunFolder, first_byte: int, max_bytes: int) -> tuple[bytes, bool]:
    try:
        with folder.journal.open("rb") as file:
            file.seek(first_byte)
            data = file.read(max_bytes)
            return data, bool(file.read(1))
    except FileNotFoundError:
        return b"", False
