"""Ends a study's queued runs as a board would, one after the other, each in its own transaction."""

from collections.abc import Callable

from sqlalchemy import select

from orchestrator import studies
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import RunRow

Median = Callable[[RunRow], float | None]


def measure_all(database: Database, study_id: int, median_ns: Median, device_id: int | None = None) -> int:
    """End queued runs until none is left, also those that are added meanwhile; returns how many.

    Where `median_ns` gives None the run fails; a negative one is that of an invalid run.
    """
    ended = 0
    while measure_next(database, study_id, median_ns, device_id):
        ended += 1
    return ended


def measure_next(database: Database, study_id: int, median_ns: Median, device_id: int | None = None) -> bool:
    """End the next queued run, on one device where asked; False where none is queued."""
    queued = select(RunRow).where(RunRow.study_id == study_id, RunRow.state == RunState.QUEUED)
    if device_id is not None:
        queued = queued.where(RunRow.device_id == device_id)
    with database.write() as session:
        run = session.scalar(
            queued.order_by(RunRow.device_id, RunRow.block, RunRow.position).limit(1).with_for_update(**KEEP)
        )
        if run is None:
            return False
        value = median_ns(run)
        run.state = RunState.FAILED if value is None else RunState.DONE
        run.median_ns = None if value is None else abs(value)
        run.verdict = None if value is None else Verdict.VALID if value > 0 else Verdict.INVALID
        studies.close_if_done(session, study_id, run.device_id)
        return True
