"""The way to a device, and what its last contact taught.

One link serves one visit: opened when first used, closed at the end. Nothing is learnt here but what pages show with
its age; a board that cannot be reached is asked again, ever more seldom.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.answers import Status
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards.board import Board
from orchestrator.db.clock import now_s
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import DeviceError
from orchestrator.events import EventKind, log, record
from orchestrator.farm import Farm
from orchestrator.transport import Transport
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.local import LocalTransport
from orchestrator.transport.ssh import SshTransport

FIRST_BACKOFF_S = 2.0
OUTAGE_TRIES = 3  # in vain: a board that was away for so long is looked at before it works again


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to a device, and the Python that runs agents there; `bundle_hash` is the agent that probed it."""

    transport: Transport
    python: str
    bundle_hash: str

    def board(self, bundle_hash: str) -> Board:
        """The device through the agent of a bundle."""
        return Board(self.transport, python=self.python, bundle_hash=bundle_hash)


@contextmanager
def link_to(farm: Farm, device_id: int) -> Iterator[Link]:
    """A device, reached when first used and left at the end."""
    with farm.database.read() as session:
        device = session.get_one(DeviceRow, device_id)
        transport = transport_of(farm, device)
        link = Link(transport=transport, python=device.python, bundle_hash=device.bundle_hash)
    with closing(transport):
        yield link


def note_contact(session: Session, device_id: int, status: Status) -> None:
    """Keep what a board just said of itself; pages show it with its age."""
    device = note_reachable(session, device_id)
    device.last_phase = status.phase.value if status.phase else None
    device.last_waiting_for = status.waiting_for
    ready_in_s = status.ready_in_s
    device.ready_at_s = None if ready_in_s is None else (session.scalar(select(now_s())) or 0.0) + ready_in_s
    if status.temperature_c is not None:
        device.last_temperature_c = status.temperature_c


def note_reachable(session: Session, device_id: int) -> DeviceRow:
    """Note that a board answered: what kept it away before no longer does."""
    device = session.get_one(DeviceRow, device_id)
    device.last_seen_at_s = session.scalar(select(now_s()))
    device.needs_canary = device.needs_canary or device.unreachable_in_row >= OUTAGE_TRIES
    device.unreachable_in_row = 0
    device.state_reason = "" if device.state is DeviceState.READY else device.state_reason
    return device


def note_outage(session: Session, device_id: int) -> None:
    """Note that a board was down: it gets a canary before other work."""
    session.get_one(DeviceRow, device_id).needs_canary = True


def note_unreachable(session: Session, device_id: int, reason: str, longest_s: float) -> float:
    """Count a failed contact; returns after how many seconds to try again, doubling up to `longest_s`."""
    device = session.get_one(DeviceRow, device_id)
    device.unreachable_in_row += 1
    device.state_reason = reason
    pause_s = min(FIRST_BACKOFF_S * 2.0 ** min(device.unreachable_in_row - 1, 16), longest_s)
    if device.unreachable_in_row == 1:
        record(session, EventKind.DEVICE_UNREACHABLE, f"{device.name}: {reason}", device_id=device_id)
    else:
        log.warning(
            "device still unreachable",
            device=device.name,
            message=reason,
            tries=device.unreachable_in_row,
            next_in_s=pause_s,
        )
    return pause_s


def transport_of(farm: Farm, device: DeviceRow) -> Transport:
    """A way to a device that is known, by its pinned host key; raises `DeviceError` where none is pinned."""
    if device.address is None:
        return local_transport(farm)
    if device.host_key is None:
        raise DeviceError(f"{device.name}: no host key is pinned; remove the device and add it again")
    key = FarmKey.in_folder(farm.settings.keys_dir)
    return SshTransport(SshAddress.parse(device.address), key_file=key.private_file, host_key=device.host_key)


def local_transport(farm: Farm) -> LocalTransport:
    """The way to this machine as a board."""
    return LocalTransport(farm.settings.local_dir)
