"""What the checker reads: the boards' own logs, and the farm's database by plain SQL. Nothing of pifarm is imported.

A board's log is ``history.jsonl`` (the agent's) and ``witness.jsonl`` (the pretended runtime's); see docs/boards.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

HISTORY_FILES = ("history.1.jsonl", "history.jsonl")
WITNESS_FILE = "witness.jsonl"

Name = tuple[str, int]  # an attempt: its run's id and its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a board's history."""

    happening: str
    attempt: Name
    pid: int
    started: str
    monotonic_ns: int
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One line of a board's witness: a measuring process, its agent, and whether it was alone."""

    pid: int
    agent_pid: int
    monotonic_ns: int
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLog:
    """What a board itself says: its lines in order, and the run folders that lie there now."""

    name: str
    lines: Sequence[Line] = ()
    sightings: Sequence[Sighting] = ()
    folders: frozenset[str] = frozenset()

    def of(self, happening: str) -> Iterator[Line]:
        """The lines of one kind."""
        return (line for line in self.lines if line.happening == happening)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt as SQL has it. `outcome` is its end record's."""

    name: Name
    device: str
    state: str
    code: str
    outcome: str = ""
    started_at_s: float | None = None
    closed_at_s: float | None = None
    forgotten_at_s: float | None = None
    window_chunks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as SQL has it."""

    id: str
    study: int
    device: str
    state: str
    code: str = ""
    verdict: str | None = None
    counted_attempt: int | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as SQL has it."""

    name: str
    state: str
    state_reason: str = ""
    lease_holder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the database says."""

    runs: Sequence[Run] = ()
    attempts: Sequence[Attempt] = ()
    devices: Sequence[Device] = ()
    studies: Mapping[int, str] = field(default_factory=dict)


def read_board(name: str, farm_folder: Path) -> BoardLog:
    """A board's logs from its farm folder."""
    history = [line for file in HISTORY_FILES for line in _json_lines(farm_folder / file)]
    runs = farm_folder / "runs"
    return BoardLog(
        name=name,
        lines=[_line(data) for data in history],
        sightings=[
            Sighting(pid=data["pid"], agent_pid=data["agent"], monotonic_ns=data["monotonic_ns"], alone=data["alone"])
            for data in _json_lines(farm_folder / WITNESS_FILE)
        ],
        folders=frozenset(path.name for path in runs.iterdir()) if runs.exists() else frozenset(),
    )


def read_books(database_url: str) -> Books:
    """What SQL says, through a connection of the checker's own."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:

        def rows(query: str) -> list[Mapping[str, Any]]:
            return [row._mapping for row in connection.execute(text(query))]  # type: ignore[misc]  # a mapping of columns

        runs = rows(
            "SELECT runs.id, runs.study_id AS study, devices.name AS device, runs.state, runs.code, runs.verdict,"
            " runs.counted_attempt, runs.samples FROM runs JOIN devices ON devices.id = runs.device_id"
        )
        attempts = rows(
            "SELECT attempts.run_id, attempts.number, devices.name AS device, attempts.state, attempts.code,"
            " attempts.ended, attempts.started_at_s, attempts.closed_at_s, attempts.forgotten_at_s,"
            " (SELECT count(*) FROM chunks WHERE chunks.attempt_id = attempts.id AND chunks.kind = 'window')"
            " AS window_chunks FROM attempts JOIN devices ON devices.id = attempts.device_id"
        )
        devices = rows("SELECT name, state, state_reason, lease_holder FROM devices")
        studies = rows("SELECT id, state FROM studies")
    engine.dispose()
    return Books(
        runs=[Run(**row) for row in runs],
        attempts=[_attempt(row) for row in attempts],
        devices=[Device(**row) for row in devices],
        studies={row["id"]: row["state"] for row in studies},
    )


def _attempt(row: Mapping[str, Any]) -> Attempt:
    ended = row["ended"]
    data = json.loads(ended) if isinstance(ended, str) else ended or {}
    kept = ("device", "state", "code", "started_at_s", "closed_at_s", "forgotten_at_s", "window_chunks")
    return Attempt(
        name=(row["run_id"], row["number"]), outcome=data.get("outcome", ""), **{key: row[key] for key in kept}
    )


def _line(data: Mapping[str, Any]) -> Line:
    return Line(
        happening=data["happening"],
        attempt=(data["run_id"], data["attempt"]),
        pid=data["process"]["pid"],
        started=data["process"]["started"],
        monotonic_ns=data["monotonic_ns"],
        outcome=data["outcome"],
    )


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # torn by a power cut; whoever wrote it was ended then
