"""Adds blocks to a study: their numbers go on, in the order that the study's seed always meant for them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orchestrator.attending import leases
from orchestrator.attending.lifecycle import StudyKind, StudyState
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import RunRow, StudyDeviceRow, StudyRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.events import EventKind, record
from orchestrator.studies.order import in_order_of_study
from orchestrator.studies.planting import add_blocks, require_few_runs
from orchestrator.studies.submission import MAX_BLOCKS


def extend(database: Database, study_id: int, blocks: int) -> int:
    """Add so many blocks to a study on each of its devices; returns how many runs that are. A done study goes on.

    Raises `SpecError` for a cancelled one, and where it would become too large.
    """
    if not 1 <= blocks <= MAX_BLOCKS:
        raise SpecError(f"blocks: expected 1..{MAX_BLOCKS}, got {blocks}")
    return database.retried(lambda session: _extend(session, study_id, blocks))


def find_study(session: Session, study_id: int) -> StudyRow:
    """A study's row; raises `NotFoundError`."""
    study = session.get(StudyRow, study_id)
    if study is None:
        raise NotFoundError(f"study: {study_id} is unknown; see `pifarm study list`")
    return study


def lock_study(session: Session, study_id: int) -> StudyRow:
    """The study as it is now, kept from changing until the caller's transaction ends. Runs and devices go before it."""
    return session.get_one(StudyRow, study_id, with_for_update=KEEP, populate_existing=True)


def count_blocks(session: Session, study_id: int, device_id: int) -> int:
    """How many blocks a study has on a device."""
    last = select(func.max(RunRow.block)).where(RunRow.study_id == study_id, RunRow.device_id == device_id)
    return (session.scalar(last) or 0) + 1


def continue_blocks(session: Session, study: StudyRow, device_id: int, count: int) -> int:
    """Queue the next blocks of a study on a device, in the caller's transaction; returns how many runs that are."""
    first = count_blocks(session, study.id, device_id)
    placed = session.scalars(
        select(RunRow.variant_id)
        .where(RunRow.study_id == study.id, RunRow.device_id == device_id, RunRow.block == 0)
        .order_by(RunRow.position)
    ).all()
    variant_ids = in_order_of_study(study.seed, device_id, 0, placed)
    add_blocks(session, study, device_id, variant_ids, range(first, first + count))
    return count * len(variant_ids)


def _extend(session: Session, study_id: int, blocks: int) -> int:
    find_study(session, study_id)
    device_ids = session.scalars(
        select(StudyDeviceRow.device_id).where(StudyDeviceRow.study_id == study_id).order_by(StudyDeviceRow.device_id)
    ).all()
    leases.call(session, list(device_ids))
    study = lock_study(session, study_id)
    if study.state is StudyState.CANCELLED:
        raise SpecError(
            f"study {study_id}: it is cancelled, so nothing is added; `pifarm study retry {study_id}` takes it up again"
        )
    if study.search is not None:
        raise SpecError(f"study {study_id}: it is a search for a rate, whose results say what is added to it")
    if study.kind is StudyKind.ACCURACY:
        raise SpecError(f"study {study_id}: it answers a data set; the same answers again say nothing new")
    its_runs = select(func.count()).where(RunRow.study_id == study_id)
    in_a_pass = session.scalar(its_runs.where(RunRow.block == 0)) or 0
    require_few_runs((session.scalar(its_runs) or 0) + in_a_pass * blocks)
    added = sum(continue_blocks(session, study, device_id, blocks) for device_id in device_ids)
    if study.until_ci is None:
        study.blocks += blocks
    study.state, study.ended_at_s = StudyState.ACTIVE, None
    record(session, EventKind.STUDY_EXTENDED, f"{blocks} more blocks, {added} runs", study_id=study_id)
    return added
