"""The control charts of all devices, as pages and the command line show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.canary.history import History, read_history
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.queries.naming import only_given, require_known

MOST_POINTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPoint:
    """One canary: `low_ms` and `high_ms` are the limits that held when it came, None before there were any.

    `is_out`: beyond them. Not `is_clear`: disturbed from outside, so it is neither alarm nor baseline.
    """

    run: str
    at_s: float
    age_s: float
    median_ms: float
    low_ms: float | None
    high_ms: float | None
    is_clear: bool
    is_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryChart:
    """A device's newest canaries under the condition of the last, oldest first, and the limits for the next one.

    `baseline` is how many canaries the limits rest on; `runtime_version` is empty where nothing was measured yet.
    """

    device: str
    simulated: bool
    state: DeviceState
    state_reason: str
    needs_canary: bool
    runtime_version: str
    baseline: int
    center_ms: float | None
    low_ms: float | None
    high_ms: float | None
    points: tuple[CanaryPoint, ...]


def list_charts(database: Database, device: str | None = None) -> tuple[CanaryChart, ...]:
    """The chart of each device by name, or of one; raises `NotFoundError`."""
    query = select(DeviceRow, now_s()).where(*only_given((DeviceRow.name, device))).order_by(DeviceRow.name)
    with database.read() as session:
        require_known(session, DeviceRow.name, device, "device")
        return tuple(_chart(row, read_history(session, row), at_s) for row, at_s in session.execute(query))


def _chart(row: DeviceRow, history: History, at_s: float) -> CanaryChart:
    limits = history.chart.limits
    return CanaryChart(
        device=row.name,
        simulated=row.simulated,
        state=row.state,
        state_reason=row.state_reason,
        needs_canary=row.needs_canary,
        runtime_version=history.canaries[-1].condition[1] if history.canaries else "",
        baseline=limits.count if limits else 0,
        center_ms=limits.center / 1e6 if limits else None,
        low_ms=limits.low / 1e6 if limits else None,
        high_ms=limits.high / 1e6 if limits else None,
        points=tuple(_points(history, at_s)[-MOST_POINTS:]),
    )


def _points(history: History, at_s: float) -> Sequence[CanaryPoint]:
    return [
        CanaryPoint(
            run=canary.run,
            at_s=canary.at_s,
            age_s=at_s - canary.at_s,
            median_ms=canary.median_ns / 1e6,
            low_ms=judged.limits.low / 1e6 if judged.limits else None,
            high_ms=judged.limits.high / 1e6 if judged.limits else None,
            is_clear=canary.is_clear,
            is_out=not judged.is_in_control,
        )
        for canary, judged in zip(history.canaries, history.chart.judged, strict=True)
    ]
