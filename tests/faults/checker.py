"""Counts what went wrong, from the boards' own logs and the database alone, once the farm has come to rest.

It shares no code with pifarm and owes nothing to what the harness believes it did. Each finding is one line of text
under one of five kinds. What overlapped is told by the boards' monotonic clock, for the database's may step.
"""

import enum
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.records import Attempt, BoardLog, Books, Line, Name, Run

ENDED_RUNS = ("done", "failed", "cancelled")
OPEN_ATTEMPTS = ("staging", "started")
# Why a measurement that a board completed may not count: somebody asked for that, or the disk had spoilt it.
ALLOWED_LOSSES = ("called_off", "abandoned", "superseded", "claimed_before", "journal_damaged")


class Kind(enum.Enum):
    """What can be wrong."""

    LOST = "lost"
    DOUBLED = "doubled"
    OVERLAPPING = "overlapping"
    UNKNOWN = "unknown"
    FALSE_STATE = "false state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    text: str


def check(boards: Sequence[BoardLog], books: Books) -> list[Finding]:
    """Everything that is wrong."""
    kinds = {
        Kind.LOST: _lost,
        Kind.DOUBLED: _doubled,
        Kind.OVERLAPPING: _overlapping,
        Kind.UNKNOWN: _unknown,
        Kind.FALSE_STATE: _false_state,
    }
    return [Finding(kind=kind, text=text) for kind, look in kinds.items() for text in look(boards, books)]


def count(findings: Sequence[Finding]) -> Mapping[Kind, int]:
    """How many of each kind, zeros too."""
    found = Counter(finding.kind for finding in findings)
    return {kind: found[kind] for kind in Kind}


def _lost(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    attempts = {attempt.name: attempt for attempt in books.attempts}
    for run in books.runs:
        if run.state not in ENDED_RUNS:
            yield f"run {run.id}: at rest, and still {run.state}"
        if run.state == "done" and run.counted_attempt is None:
            yield f"run {run.id}: done without a result"
        if run.counted_attempt is not None:
            yield from _missing_of(run, attempts.get((run.id, run.counted_attempt)))
    for board, line in _lines(boards, "ended"):
        attempt = attempts.get(line.attempt)
        if line.outcome == "completed" and attempt is not None and _is_lost(attempt):
            yield f"{_said(line)} was completed on {board.name}, SQL calls it {attempt.state} ({attempt.code})"
    counted = {run.id: run.counted_attempt for run in books.runs}
    for attempt in books.attempts:
        if _is_result(attempt) and counted.get(attempt.name[0]) is None:
            yield f"{_name(attempt.name)}: completed and ingested, and its run has no result"


def _missing_of(run: Run, attempt: Attempt | None) -> Iterator[str]:
    if attempt is None or attempt.outcome != "completed":
        yield f"run {run.id}: its result is said to come from attempt {run.counted_attempt}, which has none"
    elif not attempt.window_chunks or not run.samples:
        yield f"run {run.id}: a result without samples"


def _is_lost(attempt: Attempt) -> bool:
    return attempt.outcome != "completed" and attempt.code not in ALLOWED_LOSSES


def _is_result(attempt: Attempt) -> bool:
    return attempt.outcome == "completed" and attempt.code == ""


def _doubled(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    for happening in ("claimed", "measuring"):
        times = Counter(line.attempt for _, line in _lines(boards, happening))
        yield from (f"{_name(name)}: {happening} {n} times" for name, n in times.items() if n > 1)
    for board in boards:
        seen = Counter(sighting.agent_pid for sighting in board.sightings)
        yield from (f"{board.name}: agent {pid} measured {n} times" for pid, n in seen.items() if n > 1)
    results = Counter(attempt.name[0] for attempt in books.attempts if _is_result(attempt))
    verdicts = {run.id: run.verdict for run in books.runs}
    for run_id, n in results.items():
        if n > 1 and verdicts[run_id] != "invalid":
            yield f"run {run_id}: {n} results, and nobody asked for more than one"
    yield from _hasty(boards)


def _hasty(boards: Sequence[BoardLog]) -> Iterator[str]:
    """A run's attempt that was claimed before the one before it had ended."""
    ends = {line.attempt: line.monotonic_ns for _, line in _lines(boards, "ended")}
    for _, line in _lines(boards, "claimed"):
        run_id, number = line.attempt
        before = [(name, end) for name, end in ends.items() if name[0] == run_id and name[1] < number]
        for name, end in before:
            if end > line.monotonic_ns:
                yield f"{_said(line)} was claimed while attempt {name[1]} was still measured"


def _overlapping(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    for board in boards:
        for sighting in board.sightings:
            if not sighting.alone:
                yield f"{board.name}: process {sighting.pid} measured while another one did"
        ends = {line.attempt: line.monotonic_ns for line in board.of("ended")}
        spans = [(line.monotonic_ns, ends[line.attempt]) for line in board.of("claimed") if line.attempt in ends]
        yield from (f"{board.name}: two runs at once" for _ in _crossings(spans))
    still_open = Counter(attempt.device for attempt in books.attempts if attempt.state in OPEN_ATTEMPTS)
    yield from (f"{device}: {n} attempts are open" for device, n in still_open.items() if n > 1)


def _crossings(spans: Sequence[tuple[int, int]]) -> Iterator[None]:
    for (_, end), (begin, _) in itertools.pairwise(sorted(spans)):
        if begin < end:
            yield None


def _unknown(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    attempts = {attempt.name: attempt for attempt in books.attempts}
    for board in boards:
        for line in board.of("claimed"):
            attempt = attempts.get(line.attempt)
            if attempt is None or attempt.device != board.name:
                yield f"{board.name}: ran {_said(line)}, which SQL does not know there"
        agents = {line.pid for line in board.of("claimed")}
        for sighting in board.sightings:
            if sighting.agent_pid not in agents:
                yield f"{board.name}: process {sighting.pid} measured for an agent that never claimed anything"


def _false_state(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    claimed = {line.attempt for _, line in _lines(boards, "claimed")}
    measured = {line.attempt for _, line in _lines(boards, "measuring")}
    ends = {line.attempt: line.outcome for _, line in _lines(boards, "ended")}
    for attempt in books.attempts:
        name = _name(attempt.name)
        if attempt.state in OPEN_ATTEMPTS:
            yield f"{name}: at rest, and still {attempt.state}"
        if attempt.outcome and attempt.name not in claimed:
            yield f"{name}: SQL has its end, its board never claimed it"
        if attempt.outcome == "completed" and attempt.name not in measured:
            yield f"{name}: SQL has a measurement that its board did not make"
        if attempt.outcome and ends.get(attempt.name, attempt.outcome) != attempt.outcome:
            yield f"{name}: SQL says {attempt.outcome}, its board {ends[attempt.name]}"
    yield from _false_folders(boards, books)
    for device in books.devices:
        if device.lease_holder is not None:
            yield f"{device.name}: at rest, and somebody holds its lease"
        if device.state == "ready" and device.state_reason:
            yield f"{device.name}: ready, and yet: {device.state_reason}"
    for study, state in books.studies.items():
        if state == "active" and all(run.state in ENDED_RUNS for run in books.runs if run.study == study):
            yield f"study {study}: active, and all its runs have ended"


def _false_folders(boards: Sequence[BoardLog], books: Books) -> Iterator[str]:
    kept = {folder for board in boards for folder in board.folders if not folder.startswith(".")}
    for attempt in books.attempts:
        folder = f"{attempt.name[0]}.{attempt.name[1]}"
        if attempt.forgotten_at_s is not None and folder in kept:
            yield f"{_name(attempt.name)}: forgotten, SQL says, and its folder is still there"
        if attempt.forgotten_at_s is None and folder in kept and attempt.state not in OPEN_ATTEMPTS:
            yield f"{_name(attempt.name)}: closed, and its board was never told to forget it"


def _lines(boards: Sequence[BoardLog], happening: str) -> Iterator[tuple[BoardLog, Line]]:
    return ((board, line) for board in boards for line in board.of(happening))


def _name(name: Name) -> str:
    return f"run {name[0]} attempt {name[1]}"


def _said(line: Line) -> str:
    return _name(line.attempt)
