"""A farm with boards in memory, and an attendant to send to them; its time passes only when somebody waits."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from orchestrator import studies
from orchestrator.attending import leases
from orchestrator.attending.attend import Attendant, Pause
from orchestrator.attending.leases import Lease
from orchestrator.attending.lifecycle import RunState
from orchestrator.attending.links import Link
from orchestrator.attending.tenure import Tenure
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import TransportError
from orchestrator.farm import Farm
from tests.pretended_board import Clock, PretendedBoard
from tests.small_farm import BUNDLE_HASH, add_device, make_submission, runs_of

UNREACHABLE = TransportError("no route to host")


@dataclass(slots=True, kw_only=True)
class Yard:
    """A farm with pretended boards, and an attendant to send to them."""

    farm: Farm
    clock: Clock = field(default_factory=Clock)
    boards: dict[int, PretendedBoard] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    is_stopping: bool = False

    @property
    def database(self) -> Database:
        return self.farm.database

    def add_board(self, name: str = "pi5", **columns: Any) -> PretendedBoard:
        """A device with its board."""
        board = PretendedBoard(clock=self.clock)
        self.boards[add_device(self.database, name, **columns)] = board
        return board

    def connect(self, farm: Farm, device_id: int) -> AbstractContextManager[Link]:
        """The way to a pretended board."""
        return nullcontext(Link(transport=self.boards[device_id], python="python3", bundle_hash=BUNDLE_HASH))

    def pause(self, seconds: float) -> bool:
        """Let time pass, or say that the worker is to stop."""
        self.waits.append(seconds)
        if not self.is_stopping:
            self.clock.wait(seconds)
        return self.is_stopping

    def visit(self, device_id: int = 1, holder: str = "worker") -> float | None:
        """One visit of an attendant; returns when the device wants the next one."""
        lease = leases.take(self.database, device_id, holder)
        assert lease is not None
        return self.attend(lease, self.pause)

    def attend(self, lease: Lease, pause: Pause) -> float | None:
        """What an attendant does under its lease, and what it leaves word of."""
        tenure = Tenure(farm=self.farm, lease=lease)
        attendant = Attendant(
            tenure=tenure,
            wake=self.woken.append,
            pause=pause,
            connect=self.connect,
            clock=self.clock.read,
        )
        next_s = attendant.look_after()
        leases.release(self.database, tenure.lease, next_s)
        return next_s

    def work(self, device_id: int = 1, visits: int = 60) -> None:
        """Visits at the times that they are wanted, until the device has nothing to do."""
        for _ in range(visits):
            next_s = self.visit(device_id)
            if next_s is None:
                return
            self.clock.wait(next_s)
        raise AssertionError(f"device {device_id} still wants attention after {visits} visits")

    def attempts(self) -> list[AttemptRow]:
        """All attempts, in order."""
        with self.database.read() as session:
            return list(session.scalars(select(AttemptRow).order_by(AttemptRow.id)))

    def states(self, study_id: int) -> set[RunState]:
        """The states that a study's runs are in."""
        return {run.state for run in runs_of(self.database, study_id)}


def submit(yard: Yard, **changes: Any) -> int:
    """A study of one variant on the yard's devices, unless `changes` say otherwise."""
    return studies.submit(yard.database, make_submission(**{"variants": ("fp32",), **changes}))
