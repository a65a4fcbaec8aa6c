"""The checker finds each kind of violation in forged logs, and none where there is none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Finding, Kind, check, count
from tests.faults.records import Attempt, BoardLog, Books, Device, Line, Name, Run, Sighting

SECOND_NS = 1_000_000_000
CLEAN_RUNS = (("run1", 1, 0.0), ("run2", 1, 10.0))


def measured(run_id: str, number: int, at_s: float, outcome: str = "completed") -> list[Line]:
    """A board's three lines of an attempt: claimed at `at_s`, measured for five seconds."""
    at_ns, agent = int(at_s * SECOND_NS), 100 + int(at_s)
    name: Name = (run_id, number)
    shared: dict[str, Any] = {"attempt": name, "started": "1"}
    return [
        Line(happening="claimed", pid=agent, monotonic_ns=at_ns, **shared),
        Line(happening="measuring", pid=agent + 500, monotonic_ns=at_ns + SECOND_NS, **shared),
        Line(happening="ended", pid=agent, monotonic_ns=at_ns + 6 * SECOND_NS, outcome=outcome, **shared),
    ]


def seen(at_s: float, *, alone: bool = True) -> Sighting:
    """What the witness says of the attempt that was claimed at `at_s`."""
    agent = 100 + int(at_s)
    return Sighting(pid=agent + 500, agent_pid=agent, monotonic_ns=int((at_s + 1) * SECOND_NS), alone=alone)


def stored(run_id: str, number: int, at_s: float, **changes: Any) -> Attempt:
    """The attempt in SQL."""
    attempt = Attempt(
        name=(run_id, number),
        device="pi5",
        state="ended",
        code="",
        outcome="completed",
        started_at_s=at_s,
        closed_at_s=at_s + 7,
        forgotten_at_s=at_s + 8,
        window_chunks=1,
    )
    return replace(attempt, **changes)


def done(run_id: str, **changes: Any) -> Run:
    """The run in SQL."""
    run = Run(id=run_id, study=1, device="pi5", state="done", verdict="valid", counted_attempt=1, samples=30)
    return replace(run, **changes)


BOARD = BoardLog(
    name="pi5",
    lines=[line for run in CLEAN_RUNS for line in measured(*run)],
    sightings=[seen(0.0), seen(10.0)],
)
BOOKS = Books(
    runs=[done("run1"), done("run2")],
    attempts=[stored(*run) for run in CLEAN_RUNS],
    devices=[Device(name="pi5", state="ready")],
    studies={1: "done"},
)


def books(**changes: Any) -> Books:
    return replace(BOOKS, **changes)


def board(**changes: Any) -> BoardLog:
    return replace(BOARD, **changes)


def retried(run_id: str, first: Attempt, second: Attempt, **run: Any) -> Books:
    """Books in which `run_id` has two attempts."""
    others = [attempt for attempt in BOOKS.attempts if attempt.name[0] != run_id]
    runs = [done(run_id, **run), *(other for other in BOOKS.runs if other.id != run_id)]
    return books(runs=runs, attempts=[first, second, *others])


def test_a_farm_that_did_everything_once_is_clean() -> None:
    assert check([BOARD], BOOKS) == []
    assert set(count([]).values()) == {0}


def test_a_run_that_was_measured_again_after_its_agent_was_killed_is_clean() -> None:
    killed = measured("run1", 1, -20.0)[:2]
    attempts = [stored("run1", 1, -20.0, state="lost", code="lost", outcome=""), stored("run1", 2, 0.0)]
    log = board(
        lines=[*killed, *measured("run1", 2, 0.0), *measured("run2", 1, 10.0)],
        sightings=[Sighting(pid=580, agent_pid=80, monotonic_ns=0, alone=True), *BOARD.sightings],
    )
    assert check([log], retried("run1", *attempts, counted_attempt=2)) == []


LOST: list[tuple[str, BoardLog, Books]] = [
    ("still queued", BOARD, books(runs=[done("run1"), done("run2", state="queued")])),
    ("done without a result", BOARD, books(runs=[done("run1"), done("run2", counted_attempt=None)])),
    ("which has none", BOARD, books(runs=[done("run1"), done("run2", counted_attempt=3)])),
    ("without samples", BOARD, books(attempts=[stored("run1", 1, 0.0), stored("run2", 1, 10.0, window_chunks=0)])),
    (
        "was completed on pi5, SQL calls it lost (lost)",
        BOARD,
        books(attempts=[stored("run1", 1, 0.0), stored("run2", 1, 10.0, state="lost", code="lost", outcome="")]),
    ),
    (
        "completed and ingested, and its run has no result",
        BOARD,
        books(runs=[done("run1"), done("run2", state="failed", counted_attempt=None)]),
    ),
]
DOUBLED: list[tuple[str, BoardLog, Books]] = [
    ("claimed 2 times", board(lines=[*BOARD.lines, BOARD.lines[0]]), BOOKS),
    ("measuring 2 times", board(lines=[*BOARD.lines, replace(BOARD.lines[1], monotonic_ns=30 * SECOND_NS)]), BOOKS),
    ("agent 100 measured 2 times", board(sightings=[*BOARD.sightings, seen(0.0)]), BOOKS),
    (
        "2 results, and nobody asked",
        board(
            lines=[*measured("run1", 1, -20.0), *measured("run1", 2, 0.0), *measured("run2", 1, 10.0)],
            sightings=[Sighting(pid=580, agent_pid=80, monotonic_ns=0, alone=True), *BOARD.sightings],
        ),
        retried("run1", stored("run1", 1, -20.0), stored("run1", 2, 0.0), counted_attempt=2),
    ),
    (
        "was claimed while attempt 1 was still measured",
        board(lines=[*measured("run1", 1, -4.0), *measured("run1", 2, 0.0), *measured("run2", 1, 10.0)]),
        retried(
            "run1", stored("run1", 1, -4.0, closed_at_s=-1.0, code="called_off"), stored("run1", 2, 0.0),
            counted_attempt=2,
        ),
    ),
]  # fmt: skip
OVERLAPPING: list[tuple[str, BoardLog, Books]] = [
    ("measured while another one did", board(sightings=[seen(0.0), seen(10.0, alone=False)]), BOOKS),
    (
        "pi5: two runs at once",
        board(lines=[*measured("run1", 1, 0.0), *measured("run2", 1, 3.0)], sightings=[seen(0.0), seen(3.0)]),
        BOOKS,
    ),
    (
        "2 attempts are open",
        BOARD,
        books(attempts=[stored(*run, state="started", closed_at_s=None) for run in CLEAN_RUNS]),
    ),
]
UNKNOWN: list[tuple[str, BoardLog, Books]] = [
    ("ran run run3 attempt 1, which SQL does not know", board(lines=[*BOARD.lines, *measured("run3", 1, 50.0)]), BOOKS),
    ("an agent that never claimed anything", board(sightings=[*BOARD.sightings, seen(70.0)]), BOOKS),
    (
        "which SQL does not know there",
        BOARD,
        books(attempts=[stored("run1", 1, 0.0), stored("run2", 1, 10.0, device="pi4")]),
    ),
]
FALSE_STATE: list[tuple[str, BoardLog, Books]] = [
    (
        "at rest, and still started",
        BOARD,
        books(attempts=[stored("run1", 1, 0.0), stored("run2", 1, 10.0, state="started")]),
    ),
    ("its board never claimed it", board(lines=measured("run1", 1, 0.0)), BOOKS),
    ("that its board did not make", board(lines=[*BOARD.lines[:3], BOARD.lines[3], BOARD.lines[5]]), BOOKS),
    (
        "SQL says failed, its board completed",
        BOARD,
        books(attempts=[stored("run1", 1, 0.0), stored("run2", 1, 10.0, outcome="failed")]),
    ),
    ("its folder is still there", board(folders=frozenset({"run1.1"})), BOOKS),
    (
        "never told to forget",
        board(folders=frozenset({"run1.1"})),
        books(attempts=[stored("run1", 1, 0.0, forgotten_at_s=None), stored("run2", 1, 10.0)]),
    ),
    ("somebody holds its lease", BOARD, books(devices=[Device(name="pi5", state="ready", lease_holder="me")])),
    ("ready, and yet", BOARD, books(devices=[Device(name="pi5", state="ready", state_reason="no route to host")])),
    ("active, and all its runs have ended", BOARD, books(studies={1: "active"})),
]
FORGED = [
    *((Kind.LOST, *case) for case in LOST),
    *((Kind.DOUBLED, *case) for case in DOUBLED),
    *((Kind.OVERLAPPING, *case) for case in OVERLAPPING),
    *((Kind.UNKNOWN, *case) for case in UNKNOWN),
    *((Kind.FALSE_STATE, *case) for case in FALSE_STATE),
]


@pytest.mark.parametrize(("kind", "text", "log", "sql"), FORGED, ids=[f"{k.value}: {t}" for k, t, _, _ in FORGED])
def test_what_was_forged_is_found(kind: Kind, text: str, log: BoardLog, sql: Books) -> None:
    found: Sequence[Finding] = check([log], sql)
    assert any(finding.kind is kind and text in finding.text for finding in found), found


def test_a_completed_measurement_may_be_given_up_where_a_person_or_a_spoilt_disk_wanted_it() -> None:
    for code, state in (("called_off", "abandoned"), ("journal_damaged", "lost"), ("abandoned", "abandoned")):
        second = stored("run2", 1, 10.0, state=state, code=code, outcome="")
        sql = books(
            runs=[done("run1"), done("run2", state="cancelled", counted_attempt=None)],
            attempts=[stored("run1", 1, 0.0), second],
        )
        assert check([BOARD], sql) == []
