"""Canaries that were measured, for what shows them."""

from collections.abc import Sequence

from sqlalchemy import select

from orchestrator.attending.lifecycle import StudyKind, Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow, StudyRow
from tests import factories

MODEL = "pifarm-canary"


def measure_canaries(
    database: Database, device: str, medians_ms: Sequence[float], *, disturbed: Sequence[int] = ()
) -> None:
    """Canaries of a device, an hour apart; those of these numbers bear a finding of foreign load."""
    factories.add_model(database, MODEL, labels=("conv6",))
    study = factories.add_study(
        database, model=MODEL, devices=(device,), protocol="demo", threads=(1,), blocks=len(medians_ms)
    )
    factories.measure(database, study, {"conv6": 10.0})
    with database.write() as session:
        session.get_one(StudyRow, study).kind = StudyKind.CANARY
        runs = session.scalars(select(RunRow).where(RunRow.study_id == study).order_by(RunRow.block))
        for number, (run, median_ms) in enumerate(zip(runs, medians_ms, strict=True)):
            run.median_ns, run.ended_at_s = median_ms * 1e6, factories.START_S + 3600.0 * number
            if number in disturbed:
                run.verdict = Verdict.SUSPECT
                run.reasons = [{"code": "foreign-load", "severity": "suspect", "text": "foreign load 12 %"}]
