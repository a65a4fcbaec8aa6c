"""A run's profile: what its runtime said of each operator, read from the chunk that its journal brought."""

import zlib
from dataclasses import dataclass

from sqlalchemy import select

from agent.wire.codec import loads
from agent.wire.profile import Profiled
from orchestrator.analysis.profile import ProfileView, view_profile
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow
from orchestrator.errors import NotFoundError
from orchestrator.journal_order import PROFILE
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import get_run, list_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProfile:
    """A profile with the run that it was made in; the run's own median was measured before, without the profiler."""

    run: RunView
    profile: ProfileView


def read_profile(database: Database, run: str) -> RunProfile:
    """The profile of a run; raises `NotFoundError` where the run is unknown or was not profiled."""
    view = get_run(database, run)
    query = (
        select(ChunkRow.blob)
        .join(AttemptRow, AttemptRow.id == ChunkRow.attempt_id)
        .where(AttemptRow.run_id == view.run, ChunkRow.kind == PROFILE)
        .order_by(AttemptRow.number.desc())
    )
    with database.read() as session:
        blob = session.scalar(query.limit(1))
    if blob is None:
        raise NotFoundError(f"run: {view.run} was not profiled; make one: pifarm profile {view.model}")
    return RunProfile(run=view, profile=view_profile(loads(Profiled, zlib.decompress(blob))))


def profiled_runs(database: Database, study: int) -> list[RunProfile]:
    """The profiles of a study, in the order of its runs."""
    runs = list_runs(database, study=study)
    return [read_profile(database, run.run) for run in runs if run.median_ms is not None]
