"""When a device's next run is a canary: after an outage before all else, else between blocks when the last is old.

Called by the attendant, under its lease, whenever the device is free.
"""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from orchestrator import studies
from orchestrator.attending import picking
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, DeviceState, StudyKind
from orchestrator.boards.bundle import build_bundle
from orchestrator.canary import workload
from orchestrator.db.clock import now_s
from orchestrator.db.model_tables import BuildRow, ModelRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.events import EventKind, record
from orchestrator.farm import Farm


def plant_if_due(farm: Farm, device_id: int) -> bool:
    """Queue a canary for a device that is due for one; whether one was queued. `canary_every_s` of 0: never."""
    every_s = farm.settings.canary_every_s
    if every_s <= 0:
        return False
    with farm.database.read() as session:
        device = session.get_one(DeviceRow, device_id)
        if not _is_due(session, device, every_s):
            return False
        name, is_possible = device.name, workload.RUNTIME in device.probe.get("runtimes", {})
    if not is_possible:
        _do_without(farm.database, device_id)
        return False
    plant(farm, [name])
    return True


def plant(farm: Farm, names: list[str]) -> list[int]:
    """Queue a canary on each of these devices; the ids of their studies. Raises `NotFoundError`."""
    _require_model(farm)
    bundle_hash = build_bundle(farm.settings.bundles_dir).hash
    return [studies.submit(farm.database, _submission(name, bundle_hash)) for name in names]


def _submission(device: str, bundle_hash: str) -> studies.Submission:
    return studies.Submission(
        model=workload.MODEL,
        protocol=workload.PROTOCOL,
        blocks=1,
        bundle_hash=bundle_hash,
        variants=(workload.LABEL,),
        devices=(device,),
        runtimes=(workload.RUNTIME,),
        priority=workload.PRIORITY,
        seed=0,
        kind=StudyKind.CANARY,
    )


def _is_due(session: Session, device: DeviceRow, every_s: float) -> bool:
    if device.state is not DeviceState.READY or _has_open_canary(session, device.id):
        return False
    if device.needs_canary:
        return True
    following = picking.peek(session, device.id)
    if following is None or following.is_block_begun:
        return False
    newest_s = session.scalar(_canaries(device.id).with_only_columns(func.max(RunRow.ended_at_s)))
    return newest_s is None or newest_s < (session.scalar(select(now_s())) or 0.0) - every_s


def _has_open_canary(session: Session, device_id: int) -> bool:
    is_open = _canaries(device_id).where(RunRow.state.not_in(ENDED_RUN_STATES))
    return session.scalar(is_open.limit(1)) is not None


def _canaries(device_id: int) -> Select[str]:
    canaries = select(RunRow.id).join(StudyRow, StudyRow.id == RunRow.study_id)
    return canaries.where(RunRow.device_id == device_id, StudyRow.kind == StudyKind.CANARY)


def _do_without(database: Database, device_id: int) -> None:
    """A board without the canary's runtime is not kept from working for want of a health check; it is said."""
    with database.write() as session:
        device = session.get_one(DeviceRow, device_id)
        if device.needs_canary:
            device.needs_canary = False
            message = f"{device.name}: no canary, for it has no {workload.RUNTIME}; its health is not checked"
            record(session, EventKind.CANARY, message, device_id=device_id)


def _require_model(farm: Farm) -> None:
    """The canary's artifact in the store and the catalogue, added where it is new."""
    with farm.database.read() as session:
        known = select(BuildRow.id).join(ModelRow, ModelRow.id == BuildRow.model_id)
        if session.scalar(known.where(ModelRow.name == workload.MODEL, BuildRow.label == workload.LABEL)) is not None:
            return
    from orchestrator.catalog import NewBuild, add_model  # reads models: only the first canary of a farm needs it

    add_model(farm, workload.MODEL, [NewBuild(path=workload.FILE, label=workload.LABEL)])
