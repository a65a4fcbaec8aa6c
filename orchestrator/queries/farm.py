"""The farm as it is now: devices and what they do, and what happened last."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orchestrator.addresses import VariantAddress
from orchestrator.attending.lifecycle import RunState
from orchestrator.boards.rooms import room_of
from orchestrator.db.clock import now_s
from orchestrator.db.model_tables import BuildRow, ModelRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, EventRow, RunRow
from orchestrator.queries.naming import only_given, require_known
from orchestrator.queries.rows import DeviceView, EventView
from orchestrator.transport.keys import PinnedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What devices do and have to do, by device id: (study, run, variant) of the active run; how many are queued."""

    active: Mapping[int, tuple[int, str, str]]
    queued: Mapping[int, int]


def list_devices(database: Database) -> tuple[DeviceView, ...]:
    """Every device by name."""
    return _devices(database, None)


def get_device(database: Database, name: str) -> DeviceView:
    """One device; raises `NotFoundError`."""
    return _devices(database, name)[0]


def recent_events(
    database: Database, limit: int = 100, study: int | None = None, device: str | None = None
) -> tuple[EventView, ...]:
    """What happened last, newest first."""
    query = (
        select(EventRow, DeviceRow.name)
        .outerjoin(DeviceRow, DeviceRow.id == EventRow.device_id)
        .where(*only_given((EventRow.study_id, study), (DeviceRow.name, device)))
        .order_by(EventRow.id.desc())
        .limit(limit)
    )
    with database.read() as session:
        return tuple(
            EventView(
                at_s=row.at_s,
                kind=row.kind,
                message=row.message,
                study=row.study_id,
                run=row.run_id,
                device=name,
            )
            for row, name in session.execute(query)
        )


def _devices(database: Database, name: str | None) -> tuple[DeviceView, ...]:
    query = (
        select(DeviceRow, now_s() - DeviceRow.last_seen_at_s, DeviceRow.ready_at_s - now_s(), now_s())
        .where(*only_given((DeviceRow.name, name)))
        .order_by(DeviceRow.name)
    )
    with database.read() as session:
        require_known(session, DeviceRow.name, name, "device")
        work = _work(session)
        found = session.execute(query)
        return tuple(_device_view(row, age_s, left_s, work, at_s) for row, age_s, left_s, at_s in found)


def _work(session: Session) -> _Work:
    queued = select(RunRow.device_id, func.count()).where(RunRow.state == RunState.QUEUED).group_by(RunRow.device_id)
    active = (
        select(RunRow.device_id, RunRow.study_id, RunRow.id, ModelRow.name, BuildRow.label, VariantRow)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .join(ModelRow, ModelRow.id == BuildRow.model_id)
        .where(RunRow.state.in_((RunState.STAGING, RunState.RUNNING)))
    )
    found = {}
    for device_id, study_id, run_id, model, label, variant in session.execute(active):
        address = VariantAddress.of(
            model=model,
            label=label,
            runtime=variant.runtime,
            threads=variant.threads,
            options=variant.options,
        )
        found[device_id] = (study_id, run_id, address.full)
    counts = {device_id: count for device_id, count in session.execute(queued)}  # noqa: C416  # rows, not pairs
    return _Work(active=found, queued=counts)


def _device_view(row: DeviceRow, age_s: float | None, left_s: float | None, work: _Work, at_s: float) -> DeviceView:
    study, run, doing = work.active.get(row.id, (None, None, None))
    ambient_c, ambient_source = room_of(row, None, at_s)
    return DeviceView(
        name=row.name,
        address=row.address,
        fingerprint=PinnedKey.parse(row.host_key).fingerprint if row.host_key else None,
        board=row.board,
        board_type=row.board_type,
        simulated=row.simulated,
        labels=row.labels,
        state=row.state,
        state_reason=row.state_reason,
        doing=doing,
        doing_run=run,
        doing_study=study,
        phase=row.last_phase,
        waiting_for=row.last_waiting_for,
        ready_in_s=None if left_s is None else max(0.0, left_s),
        queued=work.queued.get(row.id, 0),
        last_seen_age_s=age_s,
        last_temperature_c=row.last_temperature_c,
        faults_in_row=row.faults_in_row,
        facts=row.probe.get("facts", {}),
        absent=tuple(row.probe.get("absent", ())),
        runtimes=row.probe.get("runtimes", {}),
        unsupported=row.probe.get("unsupported", {}),
        ambient_c=ambient_c,
        ambient_source=ambient_source,
    )
