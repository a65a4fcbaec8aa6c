"""How fast devices cool, for forecasts of the time between two runs: what gates have found, else what soaks did."""

from collections.abc import Collection, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.tables import RunRow, StudyDeviceRow


def known_taus_s(session: Session, device_ids: Collection[int]) -> Mapping[int, float]:
    """The slow constant of each device's cooling, s: the newest of its gates, else of its soaks, else it is missing."""
    return {**_of_soaks(session, device_ids), **_of_gates(session, device_ids)}


def _of_gates(session: Session, device_ids: Collection[int]) -> dict[int, float]:
    is_known = (StudyDeviceRow.device_id.in_(device_ids), StudyDeviceRow.tau_s.is_not(None))
    newest = (
        select(StudyDeviceRow.device_id, func.max(StudyDeviceRow.study_id).label("study_id"))
        .where(*is_known)
        .group_by(StudyDeviceRow.device_id)
        .subquery()
    )
    query = select(StudyDeviceRow.device_id, StudyDeviceRow.tau_s).join(
        newest, (StudyDeviceRow.device_id == newest.c.device_id) & (StudyDeviceRow.study_id == newest.c.study_id)
    )
    return {device_id: tau_s for device_id, tau_s in session.execute(query) if tau_s is not None}


def _of_soaks(session: Session, device_ids: Collection[int]) -> dict[int, float]:
    is_known = (
        RunRow.device_id.in_(device_ids),
        RunRow.cooling_tau_s.is_not(None),
        RunRow.verdict != Verdict.INVALID,
    )
    newest = (
        select(RunRow.device_id, func.max(RunRow.ended_at_s).label("ended_at_s"))
        .where(*is_known)
        .group_by(RunRow.device_id)
        .subquery()
    )
    query = (
        select(RunRow.device_id, RunRow.cooling_tau_s)
        .join(newest, (RunRow.device_id == newest.c.device_id) & (RunRow.ended_at_s == newest.c.ended_at_s))
        .where(*is_known)
    )
    return {device_id: tau_s for device_id, tau_s in session.execute(query) if tau_s is not None}
