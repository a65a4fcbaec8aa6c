"""The way of one run in moments, from SQL, from its journal and from the claim on its board's disk.

Board and farm are the same host here, so that one monotonic clock holds for all of it; SQL's moments are on the wall
clock, to about a millisecond, and are carried over to it.
"""

import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from benchmarks.command import CannotMeasureError
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow, StudyRow
from orchestrator.queries.runs import run_series

POLL_S = 0.05
Moment = tuple[str, float]
Steps = dict[str, float]


class ClaimWatch:
    """Notes when the runs on a board were claimed, before the farm lets the board forget them.

    Lifecycle: looks from `start` to `stop`, a listing of one folder twenty times a second.
    """

    def __init__(self, runs: Path) -> None:
        self.origins_ns: dict[str, int] = {}
        self._runs = runs
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Note the claims that are there now."""
        for claim in self._runs.glob("[!.]*/claim.json"):
            if claim.parent.name not in self.origins_ns:
                self._note(claim)

    def _keep_looking(self) -> None:
        while not self._stopping.wait(POLL_S):
            self.look()

    def _note(self, claim: Path) -> None:
        try:
            self.origins_ns[claim.parent.name] = json.loads(claim.read_bytes())["origin_ns"]
        except (OSError, ValueError, KeyError):
            return  # it is being written, or gone again


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The moments of one run, seconds on the monotonic clock.

    The journal says how long import and load took, and when the first inference began: what lies between the load and
    that, the making of inputs, is counted before the import, so that every moment of the load is rather late.
    """

    picked_s: float
    sent_s: float
    claimed_s: float
    gate_s: float
    spawned_s: float
    import_from_s: float
    load_from_s: float
    first_from_s: float
    window_to_s: float
    stopped_s: float
    ended_s: float
    settled_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A study of two runs of one variant on one device: when it was stored, and how each run went."""

    stored_s: float
    runs: tuple[Trace, Trace]

    def steps_to_first_inference(self) -> Steps:
        """What lies between storing the study and its first inference."""
        run = self.runs[0]
        return _between(
            ("stored", self.stored_s),
            ("queue, lease and pick", run.picked_s),
            ("connection, what is staged", run.sent_s),
            *_start_of(run),
        )

    def steps_to_next_load(self) -> Steps:
        """What lies between the last inference of a window and the next run's loaded model."""
        before, run = self.runs
        return _between(
            ("window ended", before.window_to_s),
            ("agent hears of it", before.stopped_s),
            ("journal", before.ended_s),
            ("visit, fetch, ingest and settle", before.settled_s),
            ("tidy up and pick", run.picked_s),
            ("connection, what is staged", run.sent_s),
            *_start_of(run),
        )


def read_journey(database: Database, study: int, origins_ns: dict[str, int]) -> Journey:
    """The journey of a study that has ended; raises `CannotMeasureError` where a run went wrong."""
    wall_to_monotonic_s = time.monotonic() - time.time()
    with database.read() as session:
        stored_s = session.get_one(StudyRow, study).created_at_s
        query = select(AttemptRow).join(RunRow).where(RunRow.study_id == study).order_by(AttemptRow.opened_at_s)
        attempts = list(session.scalars(query))
    traces = [_trace(database, attempt, origins_ns, wall_to_monotonic_s) for attempt in attempts]
    if len(traces) != 2:
        raise CannotMeasureError(f"study {study}: expected two attempts, got {len(traces)}")
    return Journey(stored_s=stored_s + wall_to_monotonic_s, runs=(traces[0], traces[1]))


def _trace(database: Database, attempt: AttemptRow, origins_ns: dict[str, int], shift_s: float) -> Trace:
    origin_ns = origins_ns.get(f"{attempt.run_id}.{attempt.number}")
    if origin_ns is None or attempt.loaded is None or attempt.ended is None or attempt.ended["outcome"] != "completed":
        raise CannotMeasureError(f"run {attempt.run_id}: {attempt.code} {attempt.message} {attempt.ended}")
    assert attempt.started_at_s is not None and attempt.closed_at_s is not None, "an ended attempt was started"
    loaded, phases = attempt.loaded, attempt.phases
    claimed_s = origin_ns / 1e9
    series = run_series(database, attempt.run_id)
    first_from_s = claimed_s + (loaded["at_ns"] - loaded["first_ns"]) / 1e9
    load_from_s = first_from_s - loaded["load_ns"] / 1e9
    return Trace(
        picked_s=attempt.opened_at_s + shift_s,
        sent_s=attempt.started_at_s + shift_s,
        claimed_s=claimed_s,
        gate_s=claimed_s + phases["gate"] / 1e9,
        spawned_s=claimed_s + phases["load"] / 1e9,
        import_from_s=load_from_s - loaded["import_ns"] / 1e9,
        load_from_s=load_from_s,
        first_from_s=first_from_s,
        window_to_s=claimed_s + float(series.start_s[-1] + series.latency_ms[-1] / 1e3),
        stopped_s=claimed_s + phases["end"] / 1e9,
        ended_s=claimed_s + attempt.ended["at_ns"] / 1e9,
        settled_s=attempt.closed_at_s + shift_s,
    )


def _start_of(run: Trace) -> Sequence[Moment]:
    return (
        ("SSH, agent's start and claim", run.claimed_s),
        ("sensors and facts", run.gate_s),
        ("gate", run.spawned_s),
        ("measuring process, inputs", run.import_from_s),
        ("import of the runtime", run.load_from_s),
        ("load", run.first_from_s),
    )


def _between(*moments: Moment) -> Steps:
    """Seconds that each moment came after the one before it; the first is where it all begins."""
    return {name: at_s - before_s for (_, before_s), (name, at_s) in itertools.pairwise(moments)}
