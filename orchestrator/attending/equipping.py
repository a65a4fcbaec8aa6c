"""Gives a board the runtime that a run wants and that it was never asked for: a slice at a time, like all long work.

What came of it stands in the device's probe: the version that works there, or why none does. A runtime that cannot be
had is a fact about the board, not a fault of it: its runs end as unsupported, and the board goes on with others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from orchestrator.attending.picking import Assignment
from orchestrator.boards.bootstrap import Plan, advance
from orchestrator.boards.bundle import find_bundle
from orchestrator.boards.runtimes import pinned_requirements
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import DeviceError, SpecError
from orchestrator.events import EventKind, record
from orchestrator.farm import Farm
from orchestrator.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipped:
    """How far a slice came: what works and what does not, by runtime; neither while there is more to do."""

    runtimes: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)
    doing: str = ""


def equip(farm: Farm, transport: Transport, assignment: Assignment, slice_s: float) -> Equipped:
    """Go on giving a board the runtime of an assignment for about `slice_s`; writes nothing to SQL.

    Raises `TransportError`, and `DeviceError` where the board is not ours to speak to.
    """
    runtime, told = assignment.runtime, list[str]()
    try:
        plan = Plan(
            bundle=find_bundle(farm.settings.bundles_dir, assignment.bundle_hash),
            requirements={runtime: pinned_requirements(runtime)},
            wheel_cache=farm.settings.wheels_dir,
        )
        done = advance(transport, plan, progress=lambda step, text: told.append(text or step.value), slice_s=slice_s)
    except DeviceError as error:
        if type(error) is not DeviceError:  # busy, owned: that says nothing of the runtime
            raise
        return Equipped(unsupported={runtime: str(error)})
    except SpecError as error:
        return Equipped(unsupported={runtime: str(error)})
    if done is None:
        return Equipped(doing=f"{runtime}: {told[-1] if told else 'making it ready'}")
    return Equipped(runtimes=done.probe.runtimes, unsupported=done.probe.unsupported)


def note_equipped(session: Session, device_id: int, equipped: Equipped) -> None:
    """Keep what a slice brought with the device, in the transaction of whoever holds its lease."""
    device = session.get_one(DeviceRow, device_id)
    device.last_waiting_for = equipped.doing
    if equipped.doing:
        return
    found = {"runtimes": equipped.runtimes, "unsupported": equipped.unsupported}
    device.probe = {**device.probe, **{key: {**device.probe.get(key, {}), **new} for key, new in found.items()}}
    for runtime, why in equipped.unsupported.items():
        record(session, EventKind.DEVICE_CHANGED, f"{runtime}: not supported: {why}", device_id=device.id)
