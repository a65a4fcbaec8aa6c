"""Keeps a board's artifacts under a quota: the least recently used go first, never those that a run waits for.

What is removed too early is only pushed again, so nothing here has to be exact.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select

from orchestrator.attending.lifecycle import ENDED_RUN_STATES
from orchestrator.boards.board import Board
from orchestrator.db.accuracy_tables import DatasetRow, EvaluationRow
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow
from orchestrator.transport.errands import StagedArtifact


def make_room(database: Database, board: Board, device_id: int, coming_bytes: int, quota_bytes: int) -> list[str]:
    """Remove artifacts from a board so that `coming_bytes` more fit its quota; returns the ids of those removed."""
    staged = board.staged_artifacts()
    if sum(artifact.size_bytes for artifact in staged) + coming_bytes <= quota_bytes:
        return []
    used_at_s, waiting = _uses(database, device_id)
    going = choose_to_remove(staged, used_at_s, waiting, quota_bytes - coming_bytes)
    board.remove_artifacts(going)
    return going


def choose_to_remove(
    staged: Sequence[StagedArtifact], used_at_s: Mapping[str, float], waiting: Collection[str], room_bytes: int
) -> list[str]:
    """The artifacts to remove until the rest fits `room_bytes`: unknown ones first, then by their last use. Pure."""
    surplus_bytes = sum(artifact.size_bytes for artifact in staged) - room_bytes
    going: list[str] = []
    for artifact in sorted(staged, key=lambda one: (used_at_s.get(one.artifact_id, 0.0), one.artifact_id)):
        if surplus_bytes <= 0:
            break
        if artifact.artifact_id not in waiting:
            going.append(artifact.artifact_id)
            surplus_bytes -= artifact.size_bytes
    return going


def _uses(database: Database, device_id: int) -> tuple[dict[str, float], set[str]]:
    """When each artifact was last started on a device, and which ones its runs still wait for."""
    of_builds = (
        select(BuildRow.artifact_id)
        .join(VariantRow, VariantRow.build_id == BuildRow.id)
        .join(RunRow, RunRow.variant_id == VariantRow.id)
        .where(RunRow.device_id == device_id)
    )
    of_data = (
        select(DatasetRow.artifact_id)
        .join(EvaluationRow, EvaluationRow.dataset_id == DatasetRow.id)
        .join(RunRow, RunRow.study_id == EvaluationRow.study_id)
        .where(RunRow.device_id == device_id)
    )
    used_at_s: dict[str, float] = {}
    waiting: set[str] = set()
    with database.read() as session:
        for needed in (of_builds, of_data):
            last_use = (
                needed.add_columns(func.max(AttemptRow.started_at_s))
                .join(AttemptRow, AttemptRow.run_id == RunRow.id)
                .where(AttemptRow.started_at_s.is_not(None))
                .group_by(*needed.selected_columns)
            )
            used_at_s |= {name: at_s or 0.0 for name, at_s in session.execute(last_use)}
            waiting |= set(session.scalars(needed.where(RunRow.state.not_in(ENDED_RUN_STATES))))
    return used_at_s, waiting
