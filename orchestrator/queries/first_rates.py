"""Where a search for the highest rate begins on each board: what earlier runs of the variant there say. Opens blobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import dumps
from agent.wire.spec import Regime
from orchestrator.analysis.rate_search import BELOW_SPEED, allowed
from orchestrator.analysis.thermal.prediction import STANDARD_ROOM_C
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.model_tables import VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import CannotTellError
from orchestrator.queries.prediction import predictor_for
from orchestrator.studies import Start, StartKey, Submission
from orchestrator.studies.choice import Way, select_devices, select_ways

START_BELOW_C = 2.0
BURST_SHARE = 0.5
MOST_LOOKED_AT = 20


def first_rates(database: Database, submission: Submission) -> Mapping[StartKey, Start]:
    """Where the searches of a submission begin: just below the limit by an earlier soak's fit, else by a latency.

    Leaves out what nothing is known of.
    """
    with database.read() as session:
        known = {
            (device.id, way.build.id, way.runtime, way.threads): _earlier(session, device.id, way)
            for device in select_devices(session, submission.devices, submission.where)
            for way in select_ways(session, submission)
        }
    starts = {key: _start(database, runs) for key, runs in known.items()}
    return {key: start for key, start in starts.items() if start is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """An ended run of the same variant on the same device."""

    run: str
    is_sustained: bool
    median_ns: float


def _earlier(session: Session, device_id: int, way: Way) -> list[_Earlier]:
    """The newest first."""
    query = (
        select(RunRow)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .where(
            RunRow.device_id == device_id,
            RunRow.state == RunState.DONE,
            RunRow.verdict != Verdict.INVALID,
            RunRow.median_ns.is_not(None),
            VariantRow.build_id == way.build.id,
            VariantRow.runtime == way.runtime,
            VariantRow.threads == way.threads,
            VariantRow.options_key == dumps(dict(way.options)),
        )
        .order_by(RunRow.ended_at_s.desc())
        .limit(MOST_LOOKED_AT)
    )
    return [
        _Earlier(
            run=row.id,
            is_sustained=row.study.protocol["regime"] == Regime.SUSTAINED.value and row.rate_per_s is None,
            median_ns=row.median_ns or 0.0,
        )
        for row in session.scalars(query)
    ]


def _start(database: Database, runs: list[_Earlier]) -> Start | None:
    soak = next((run for run in runs if run.is_sustained), None)
    if soak is not None:
        try:
            made = predictor_for(database, soak.run)
        except CannotTellError:
            made = None
        if made is not None and made.fit.is_reliable:
            room = made.fit.room_c or STANDARD_ROOM_C
            rate = min(made.highest_rate_per_s(room, START_BELOW_C).value, BELOW_SPEED / made.latency_s)
            if rate > 0:
                return Start(rate_per_s=allowed(rate), why=f"by the fit of soak {soak.run}, at {room:.1f} C")
    quick = next((run for run in runs if not run.is_sustained), soak)
    if quick is None or not quick.median_ns:
        return None
    return Start(rate_per_s=allowed(BURST_SHARE * 1e9 / quick.median_ns), why=f"half of its speed in run {quick.run}")
