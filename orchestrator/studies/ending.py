"""How a study ends and what may be done to one meanwhile and afterwards: prioritise, close, cancel, retry, abandon.

Rows are locked in one order everywhere: attempt, run, device, study.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.attending import leases
from orchestrator.attending.lifecycle import (
    ENDED_RUN_STATES,
    GIVEN_UP,
    MOST_PRIORITY,
    OPEN_ATTEMPT_STATES,
    AttemptState,
    RunEvent,
    RunState,
    StudyState,
    Verdict,
    after,
)
from orchestrator.db.clock import now_s
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import AttemptRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.errors import SpecError
from orchestrator.events import EventKind, record
from orchestrator.studies.extension import find_study, lock_study
from orchestrator.studies.narrowing import continue_until_narrow
from orchestrator.studies.searching import continue_searches


def cancel(database: Database, study_id: int) -> int:
    """Cancel a study in whatever state it is; returns how many runs that ended. Boards are told on next contact."""
    return database.retried(lambda session: _cancel(session, study_id))


def retry(database: Database, study_id: int) -> int:
    """Queue a study's failed, cancelled and invalid runs again; returns how many."""
    return database.retried(lambda session: _retry(session, study_id))


def prioritise(database: Database, study_id: int, priority: int) -> None:
    """Give a study another priority: greater comes first, after blocks that have begun. Raises `SpecError`."""
    if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise SpecError(f"priority: expected {-MOST_PRIORITY}..{MOST_PRIORITY}, got {priority}")
    with database.write() as session:
        find_study(session, study_id)
        study = lock_study(session, study_id)
        if study.priority != priority:
            said = f"priority {priority}, before: {study.priority}"
            study.priority = priority
            record(session, EventKind.STUDY_CHANGED, said, study_id=study_id)


def abandon(database: Database, study_id: int) -> int:
    """Give up a study's open attempts whose board will not come back; returns how many. What they measured is lost.

    A board that does come back ends and forgets them before it gets other work.
    """
    with database.write() as session:
        find_study(session, study_id)
        open_attempts = session.scalars(
            select(AttemptRow)
            .join(RunRow, RunRow.id == AttemptRow.run_id)
            .where(RunRow.study_id == study_id, AttemptRow.state.in_(OPEN_ATTEMPT_STATES))
            .with_for_update(of=AttemptRow, **KEEP)
        ).all()
        at_s = session.scalar(select(now_s()))
        for attempt in open_attempts:
            attempt.state, attempt.closed_at_s = AttemptState.ABANDONED, at_s
            attempt.code, attempt.message = GIVEN_UP, "given up by an operator"
            run = session.get_one(RunRow, attempt.run_id, with_for_update=KEEP, populate_existing=True)
            if (following := after(run.state, RunEvent.GAVE_UP)) is not None:
                run.state, run.ended_at_s = following, at_s
        device_ids = sorted({attempt.device_id for attempt in open_attempts})
        leases.call(session, device_ids)
        _close_if_done(session, study_id, device_ids)
        return len(open_attempts)


def close_if_done(session: Session, study_id: int, device_id: int | None = None) -> None:
    """End a study whose runs have all ended, or go on with it where it is not known enough yet.

    In the caller's transaction, which has ended a run on `device_id`; None: on any of its devices. Whoever ends the
    last run sees all others: the study is locked first, as two may end runs of it at once.
    """
    _close_if_done(session, study_id, None if device_id is None else [device_id])


def any_active(database: Database) -> bool:
    """Whether a study has not ended yet."""
    with database.read() as session:
        return session.scalar(select(StudyRow.id).where(StudyRow.state == StudyState.ACTIVE).limit(1)) is not None


def _close_if_done(session: Session, study_id: int, device_ids: Sequence[int] | None) -> None:
    session.flush()
    study = lock_study(session, study_id)
    if study.state is not StudyState.ACTIVE or _goes_on(session, study, device_ids):
        return
    if _ids_of_open_runs(session, study_id, limit=1):
        return
    study.state, study.ended_at_s = StudyState.DONE, session.scalar(select(now_s()))
    record(session, EventKind.STUDY_ENDED, f"study {study_id} has ended", study_id=study_id)


def _goes_on(session: Session, study: StudyRow, device_ids: Sequence[int] | None) -> bool:
    if study.until_ci is None and study.search is None:
        return False
    if device_ids is None:
        device_ids = session.scalars(
            select(StudyDeviceRow.device_id)
            .where(StudyDeviceRow.study_id == study.id)
            .order_by(StudyDeviceRow.device_id)
        ).all()
    go_on = continue_until_narrow if study.search is None else continue_searches
    added = [go_on(session, study, device_id) for device_id in device_ids]
    return any(added)


def _cancel(session: Session, study_id: int) -> int:
    find_study(session, study_id)
    runs = _cancel_runs(session, study_id)
    leases.call(session, sorted({run.device_id for run in runs}))
    study = lock_study(session, study_id)
    runs += _cancel_runs(session, study_id)  # blocks that were added until now; from now on none are
    if study.state is StudyState.ACTIVE:
        study.state, study.ended_at_s = StudyState.CANCELLED, session.scalar(select(now_s()))
        record(session, EventKind.STUDY_CANCELLED, f"{len(runs)} runs cancelled", study_id=study_id)
    return len(runs)


def _cancel_runs(session: Session, study_id: int) -> list[RunRow]:
    not_ended = select(RunRow).where(RunRow.study_id == study_id, RunRow.state.not_in(ENDED_RUN_STATES))
    runs = list(session.scalars(not_ended.order_by(RunRow.id).with_for_update(**KEEP)))
    for run in runs:
        run.state = after(run.state, RunEvent.CANCELLED) or run.state
        run.ended_at_s = session.scalar(select(now_s()))
    session.flush()
    return runs


def _retry(session: Session, study_id: int) -> int:
    find_study(session, study_id)
    its_runs = select(RunRow).where(RunRow.study_id == study_id).order_by(RunRow.id).with_for_update(**KEEP)
    runs = [run for run in session.scalars(its_runs) if _is_worth_retrying(run)]
    for run in runs:
        run.state = after(run.state, RunEvent.RETRIED) or run.state
        run.device_faults = run.invalid_results = 0
    leases.call(session, sorted({run.device_id for run in runs}))
    if runs:
        study = lock_study(session, study_id)
        study.state, study.ended_at_s = StudyState.ACTIVE, None
    return len(runs)


def _ids_of_open_runs(session: Session, study_id: int, limit: int) -> Sequence[str]:
    open_runs = select(RunRow.id).where(RunRow.study_id == study_id, RunRow.state.not_in(ENDED_RUN_STATES))
    return session.scalars(open_runs.limit(limit)).all()


def _is_worth_retrying(run: RunRow) -> bool:
    return run.state in (RunState.FAILED, RunState.CANCELLED) or run.verdict is Verdict.INVALID
