"""Gives a board the runtime that a run wants and that it was never asked for: a slice at a time, like all long work.

What came of it stands in the device's probe: the version that works there, or why none does. A runtime that cannot be
had is a fact about the board, not a fault of it: its runs end as unsupported, and the board goes on with others.
"""

from orchestrator.bootstrap import Bootstrapped, Plan, advance
from orchestrator.bundle import find_bundle
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import DeviceError, SpecError
from orchestrator.events import EventKind, record
from orchestrator.farm import Farm
from orchestrator.picking import Assignment
from orchestrator.runtimes import pinned_requirements
from orchestrator.transport import Transport


def equip(farm: Farm, transport: Transport, assignment: Assignment, slice_s: float) -> None:
    """Go on giving a board the runtime of an assignment; a later look at the device tells whether it has it.

    Raises `TransportError`, and `DeviceError` where the board is not ours to speak to.
    """
    runtime = assignment.runtime
    try:
        plan = Plan(
            bundle=find_bundle(farm.settings.bundles_dir, assignment.bundle_hash),
            requirements={runtime: pinned_requirements(runtime)},
            wheel_cache=farm.settings.wheels_dir,
        )
        told: list[str] = []
        done = advance(transport, plan, progress=lambda step, text: told.append(text or step.value), slice_s=slice_s)
    except DeviceError as error:
        if type(error) is not DeviceError:  # busy, owned: that says nothing of the runtime
            raise
        _note_unsupported(farm.database, assignment, str(error))
    except SpecError as error:
        _note_unsupported(farm.database, assignment, str(error))
    else:
        _note(farm.database, assignment, done, told[-1] if told else "")


def _note(database: Database, assignment: Assignment, done: Bootstrapped | None, told: str) -> None:
    with database.write() as session:
        device = session.get_one(DeviceRow, assignment.device_id)
        device.last_waiting_for = "" if done else f"{assignment.runtime}: {told}"
        if done is not None:
            device.probe = {
                **device.probe,
                "runtimes": {**device.probe.get("runtimes", {}), **done.probe.runtimes},
                "unsupported": {**device.probe.get("unsupported", {}), **done.probe.unsupported},
            }


def _note_unsupported(database: Database, assignment: Assignment, why: str) -> None:
    with database.write() as session:
        device = session.get_one(DeviceRow, assignment.device_id)
        known = device.probe.get("unsupported", {})
        device.probe = {**device.probe, "unsupported": {**known, assignment.runtime: why}}
        device.last_waiting_for = ""
        record(session, EventKind.DEVICE_CHANGED, f"{assignment.runtime}: {why}", device_id=device.id)
