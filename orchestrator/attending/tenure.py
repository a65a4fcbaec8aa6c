"""What an attendant holds while it visits: a device's lease, what may be written under it, and what its loss means."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.wire.answers import RunState, Status
from agent.wire.records import Fault
from agent.wire.spec import Fence
from orchestrator.attending import attempts, leases, links
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.leases import Lease
from orchestrator.attending.lifecycle import AttemptState
from orchestrator.attending.picking import Assignment
from orchestrator.boards.board import Board
from orchestrator.canary.judging import judge_canary
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import NotStagedError, StaleFenceError
from orchestrator.farm import Farm


@dataclass(kw_only=True)
class Tenure:
    """A held lease. It may be renewed, and raised above what a board remembers; it ends with the visit."""

    farm: Farm
    lease: Lease

    @property
    def fence(self) -> Fence:
        """What a board is shown, so that it obeys the newest attendant alone."""
        return Fence(farm_id=self.farm.farm_id, number=self.lease.fence)

    def renew(self) -> bool:
        """Keep the lease for longer; False: it is somebody else's."""
        return leases.renew(self.farm.database, self.lease)

    def require(self) -> None:
        """Keep the lease for longer; raises `OvertakenError`."""
        if not self.renew():
            raise OvertakenError(f"device {self.lease.device_id}: somebody else looks after it now")

    def overtake(self, board_number: int) -> bool:
        """Take a number above the one that the board remembers; False: the lease was not ours any more."""
        lease = leases.overtake(self.farm.database, self.lease, board_number)
        self.lease = lease or self.lease
        return lease is not None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed only while nobody else has the lease; raises `OvertakenError`."""
        with self.farm.database.write() as session:
            yield session
            session.flush()
            attempts.require_lease(session, self.lease)

    def lose(self, assignment: Assignment, state: AttemptState, fault: Fault, code: str, message: str) -> None:
        """Close an attempt without a result, by whose fault it was."""
        with self.writing() as session:
            attempt = session.get_one(AttemptRow, assignment.attempt_id)
            attempts.fail(session, attempt, state, fault, code, message)
            judge_canary(session, attempt.run)

    def withdraw(self, assignment: Assignment, seen: AttemptState) -> None:
        """Take an attempt back that no board has claimed, if it is still in the state that was seen."""
        with self.writing() as session:
            attempts.withdraw(session, assignment.attempt_id, seen)

    def note_contact(self, status: Status) -> None:
        """Keep what a board said of itself."""
        with self.writing() as session:
            links.note_contact(session, self.lease.device_id, status)

    def is_over(self, board: Board, run_id: str, number: int) -> bool:
        """End an attempt on the board; False: ask again. A board that lost even the agent's code has nothing of it."""
        try:
            return board.abort(run_id, number, self.fence).state is not RunState.ACTIVE
        except StaleFenceError as error:
            self.overtake(error.number or 0)
            return False
        except NotStagedError:
            return True
