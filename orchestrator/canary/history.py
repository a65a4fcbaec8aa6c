"""A device's canaries in SQL, oldest first, and which of them say something about the device."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.analysis.control import Chart, follow
from orchestrator.attending.lifecycle import RunState, StudyKind, Verdict
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow

NOT_THE_DEVICES = frozenset(
    ("contact", "foreign-burst", "foreign-load", "gate-timed-out", "telemetry-coverage", "telemetry-gap")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One canary that was measured. `condition` is what has to be equal before two are compared: agent and runtime.

    Not `is_clear`: other load or a visitor disturbed it, so it says nothing about the device.
    """

    run: str
    at_s: float
    median_ns: float
    condition: tuple[str, str]
    is_clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A device's canaries since its baseline was begun, under the condition of the newest, and their control chart."""

    canaries: tuple[Canary, ...]
    chart: Chart


def read_history(session: Session, device: DeviceRow) -> History:
    """The history of a device; empty where none was measured yet."""
    canaries = _read(session, device)
    alike = tuple(each for each in canaries if each.condition == canaries[-1].condition)
    return History(canaries=alike, chart=follow((each.median_ns, each.is_clear) for each in alike))


def codes_of(reasons: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """The codes against a run by its reasons, notes left out."""
    return frozenset(reason["code"] for reason in reasons if reason.get("severity") != "note")


def _read(session: Session, device: DeviceRow) -> Sequence[Canary]:
    query = (
        select(
            RunRow.id,
            RunRow.ended_at_s,
            RunRow.median_ns,
            RunRow.verdict,
            RunRow.reasons,
            RunRow.runtime_version,
            AttemptRow.environment["measuring_hash"].as_string(),
        )
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(AttemptRow, (AttemptRow.run_id == RunRow.id) & (AttemptRow.number == RunRow.counted_attempt))
        .where(
            RunRow.device_id == device.id,
            StudyRow.kind == StudyKind.CANARY,
            RunRow.state == RunState.DONE,
            RunRow.median_ns.is_not(None),
            RunRow.ended_at_s > (device.canaries_from_s or 0.0),
        )
        .order_by(RunRow.ended_at_s, RunRow.id)
    )
    return [
        Canary(
            run=run_id,
            at_s=at_s,
            median_ns=median_ns,
            condition=(measuring_hash or "", version or ""),
            is_clear=verdict is not Verdict.INVALID and not codes_of(reasons) & NOT_THE_DEVICES,
        )
        for run_id, at_s, median_ns, verdict, reasons, version, measuring_hash in session.execute(query)
    ]
