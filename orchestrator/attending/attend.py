"""The attendant: looks after one device for a few seconds, under a lease, and says when to come back.

    lease -> open attempt? -> none: pick the next run, stage it, start it
                           -> one:  fetch and ingest what is new; ended or lost: settle it, go on

It carries no state: whatever it knows is in SQL or on the board, so it may be called twice, late, or never. What it
writes to SQL is committed only while nobody else has taken its lease, however long it slept meanwhile. It speaks
to a board only when the board expects it: between the announced start of the quiet window and its end the connection
is closed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.wire.answers import LostCause, RunState, Status
from agent.wire.codec import WireError, decode
from agent.wire.journal import MAX_LINE_BYTES
from agent.wire.records import Ended, Fault, Outcome
from agent.wire.spec import Fence
from orchestrator.attending import attempts, leases, links, picking, results, staging
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.equipping import equip, note_equipped
from orchestrator.attending.ingest import ingest
from orchestrator.attending.leases import Lease
from orchestrator.attending.lifecycle import AttemptState
from orchestrator.attending.limits import limits_for
from orchestrator.attending.links import Link
from orchestrator.attending.picking import Assignment, Idle, NotMyTurn
from orchestrator.attending.run_spec import run_spec
from orchestrator.boards import quota
from orchestrator.boards.board import Board, explain_loss
from orchestrator.canary.judging import judge_canary
from orchestrator.canary.planting import plant_if_due
from orchestrator.db.tables import AttemptRow, DeviceRow
from orchestrator.errors import (
    BusyError,
    ClaimedError,
    DeviceError,
    HostKeyError,
    InternalError,
    ModelError,
    NotStagedError,
    OwnedError,
    SpecError,
    StaleFenceError,
    TransportError,
)
from orchestrator.farm import Farm

LONGEST_WAIT_S = 5.0
ATTENTION_S = 20.0
MOST_STEPS = 200  # of one visit; an honest board never needs as many, and a dishonest one gets no more
SLICE_S = 8.0
BUSY_RETRY_S = 2.0
TURN_RETRY_S = 1.0
EQUIPPING_RETRY_S = 1.0
MAX_BACKOFF_S = 300.0
FETCH_BYTES = MAX_LINE_BYTES + 1024 * 1024

Wake = Callable[[int], None]
Pause = Callable[[float], bool]
Connect = Callable[[Farm, int], AbstractContextManager[Link]]


def attend(farm: Farm, device_id: int, holder: str, wake: Wake, pause: Pause) -> None:
    """Look after a device unless somebody else does.

    `wake` calls the attendant of another device; `pause` waits so many seconds, and says whether to stop instead.
    """
    lease = leases.take(farm.database, device_id, holder)
    if lease is None:
        return
    attendant = Attendant(farm=farm, lease=lease, wake=wake, pause=pause)
    next_attention_in_s: float | None = LONGEST_WAIT_S
    try:
        next_attention_in_s = attendant.look_after()
    finally:
        leases.release(farm.database, attendant.lease, next_attention_in_s)


@dataclass(kw_only=True)
class Attendant:
    """One visit to one device. Lifecycle: made under a lease, `look_after` once, then thrown away."""

    farm: Farm
    lease: Lease
    wake: Wake
    pause: Pause
    connect: Connect = links.link_to
    clock: Callable[[], float] = time.monotonic

    def look_after(self) -> float | None:
        """Serve the device for at most about `ATTENTION_S`; returns when to come back, None: when called."""
        try:
            return self._reach()
        except OvertakenError:
            return LONGEST_WAIT_S

    def _reach(self) -> float | None:
        try:
            with self.connect(self.farm, self.lease.device_id) as link:
                return self._serve(link)
        except (HostKeyError, OwnedError) as error:
            self._stop_device(str(error))
            return None
        except (TransportError, DeviceError) as error:
            return self._back_off(error)

    def _serve(self, link: Link) -> float | None:
        ends_at = self.clock() + ATTENTION_S
        for _ in range(MOST_STEPS):
            if not leases.renew(self.farm.database, self.lease):
                break
            assignment = picking.current(self.farm.database, self.lease.device_id)
            if assignment is None:
                self._tidy_up(link)
                plant_if_due(self.farm, self.lease.device_id)
            chosen = assignment or picking.open_next(self.farm.database, self.lease.device_id)
            if not isinstance(chosen, Assignment):
                return self._without_work(chosen)
            wait_s = self._step(link, chosen)
            if wait_s > LONGEST_WAIT_S or self.clock() + wait_s > ends_at:
                return wait_s
            if wait_s > 0:
                link.transport.close()
                if self.pause(wait_s):
                    return wait_s
        return LONGEST_WAIT_S

    def _without_work(self, reason: Idle | NotMyTurn) -> float | None:
        if isinstance(reason, NotMyTurn):
            self.wake(reason.device_id)
            return TURN_RETRY_S
        return TURN_RETRY_S if reason is Idle.MACHINE_BUSY else None

    def _step(self, link: Link, assignment: Assignment) -> float:
        """Bring an attempt one step on; returns after how many seconds the next step is due."""
        if not assignment.is_wanted:
            return self._call_off(link, assignment)
        if assignment.state is AttemptState.STAGING:
            return self._stage(link, assignment)
        if assignment.is_answered:
            return self._score(assignment)
        return self._collect(link, assignment)

    def _stage(self, link: Link, assignment: Assignment) -> float:
        if assignment.unsupported is not None:
            message = f"{assignment.runtime} is not supported by this board: {assignment.unsupported}"
            self._lose(assignment, AttemptState.ENDED, Fault.MODEL, "runtime_unsupported", message)
            return 0.0
        try:
            link.transport.open()
            if not assignment.is_equipped:
                equipped = equip(self.farm, link.transport, assignment, SLICE_S)
                with self._writing() as session:
                    note_equipped(session, assignment.device_id, equipped)
                return EQUIPPING_RETRY_S if equipped.doing else 0.0
            if not (assignment.is_staged or self._bring(link, assignment)):
                return 0.0
        except (TransportError, DeviceError):
            self._withdraw(assignment, AttemptState.STAGING)
            raise
        with self._writing() as session:
            is_wanted = attempts.mark_started(session, assignment.attempt_id)
        return self._start(link, assignment) if is_wanted else 0.0

    def _bring(self, link: Link, assignment: Assignment) -> bool:
        board, quota_bytes = link.board(assignment.bundle_hash), self.farm.settings.artifact_quota_bytes
        coming_bytes = assignment.size_bytes + (assignment.data.size_bytes if assignment.data is not None else 0)
        quota.make_room(self.farm.database, board, assignment.device_id, coming_bytes, quota_bytes)
        return staging.stage(self.farm.settings, link.transport, assignment, SLICE_S)

    def _start(self, link: Link, assignment: Assignment) -> float:
        try:
            status = link.board(assignment.bundle_hash).start(run_spec(self.farm, assignment, self._fence()))
        except BusyError:
            return BUSY_RETRY_S
        except NotStagedError:
            staging.stage(self.farm.settings, link.transport, assignment, SLICE_S)
            return 0.0
        except SpecError as error:
            self._lose(assignment, AttemptState.ENDED, Fault.SPEC, "refused", str(error))
            return 0.0
        except StaleFenceError as error:
            return self._overtake(error.number or 0)
        except OwnedError:
            self._withdraw(assignment, AttemptState.STARTED)
            raise
        except ClaimedError as error:
            with self._writing() as session:
                attempts.disown(session, session.get_one(AttemptRow, assignment.attempt_id), str(error))
            return 0.0
        except DeviceError as error:
            self._lose(assignment, AttemptState.ENDED, Fault.DEVICE, "refused", str(error))
            return 0.0
        self._note_contact(status)
        return _until_next_report(status, assignment)

    def _collect(self, link: Link, assignment: Assignment) -> float:
        board = link.board(assignment.bundle_hash)
        try:
            status, data = board.status(
                assignment.run_id, assignment.number, assignment.cursor_byte, max_bytes=FETCH_BYTES
            )
        except NotStagedError:
            staging.stage(self.farm.settings, link.transport, assignment, SLICE_S)
            return 0.0
        if status.state is RunState.UNKNOWN:
            if assignment.cursor_byte == 0:
                return self._start(link, assignment)
            self._lose(
                assignment,
                AttemptState.LOST,
                Fault.DEVICE,
                "forgotten",
                "the board does not know this attempt any more",
            )
            return 0.0
        self._note_contact(status)
        return self._take_in(board, assignment, status, data)

    def _take_in(self, board: Board, assignment: Assignment, status: Status, data: bytes) -> float:
        try:
            with self._writing() as session:
                attempt = session.get_one(AttemptRow, assignment.attempt_id)
                taken = ingest(session, attempt, data, assignment.cursor_byte)
                if taken.ended is not None and not _wants_scores(assignment, taken.ended):
                    results.settle(session, attempt, taken.ended)
                    judge_canary(session, attempt.run)
        except OvertakenError:
            return 0.0
        except WireError as error:
            if status.state is RunState.ACTIVE and not self._is_over(board, assignment.run_id, assignment.number):
                return TURN_RETRY_S
            self._lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", str(error))
            return 0.0
        if taken.ended is not None:
            return 0.0
        if status.state is RunState.LOST and taken.lines == 0:
            code = "journal_damaged" if status.cause is LostCause.JOURNAL_CUT else "lost"
            if status.cause is LostCause.REBOOTED:
                with self._writing() as session:
                    links.note_outage(session, self.lease.device_id)
            self._lose(assignment, AttemptState.LOST, Fault.DEVICE, code, explain_loss(status.cause))
            return 0.0
        if status.state is RunState.ENDED and taken.lines == 0:
            message = "the board calls the run ended, but its journal has no end"
            self._lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", message)
            return 0.0
        return _until_next_report(status, assignment)

    def _score(self, assignment: Assignment) -> float:
        """Score answers that are all here, keeping the lease, then close the attempt; cut off, it is done again."""
        from orchestrator.attending import (
            scoring,  # most farms never score, and no worker should load COCO's tools in vain
        )

        try:
            scored = scoring.score_run(self.farm, assignment.run_id, self._keep_lease)
        except (SpecError, ModelError, InternalError) as error:
            fault = Fault.MODEL if isinstance(error, ModelError) else Fault.SPEC
            self._lose(assignment, AttemptState.ENDED, fault, "unscorable", str(error))
            return 0.0
        except WireError as error:
            self._lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", str(error))
            return 0.0
        with self._writing() as session:
            attempt = session.get_one(AttemptRow, assignment.attempt_id)
            scoring.store_scores(session, scored)
            results.settle(session, attempt, decode(Ended, attempt.ended))
        return 0.0

    def _keep_lease(self) -> None:
        if not leases.renew(self.farm.database, self.lease):
            raise OvertakenError(f"device {self.lease.device_id}: somebody else looks after it now")

    def _tidy_up(self, link: Link) -> None:
        """Let the board forget what is closed here; what was closed without its word it has to end first."""
        closed = attempts.to_forget(self.farm.database, self.lease.device_id)
        board = link.board(link.bundle_hash)
        ended = [each for each in closed if each.is_seen or self._is_over(board, each.run_id, each.number)]
        if ended:
            board.forget([(each.run_id, each.number) for each in ended])
            attempts.note_forgotten(self.farm.database, ended)
        if closed:
            with self._writing() as session:
                links.note_reachable(session, self.lease.device_id)

    def _call_off(self, link: Link, assignment: Assignment) -> float:
        """End an attempt whose run is no longer wanted; what it measured is not counted."""
        board = link.board(assignment.bundle_hash)
        if assignment.state is AttemptState.STARTED and not self._is_over(board, assignment.run_id, assignment.number):
            return TURN_RETRY_S
        with self._writing() as session:
            attempt = session.get_one(AttemptRow, assignment.attempt_id)
            attempts.close(session, attempt, AttemptState.ABANDONED, "called_off", "the run was cancelled")
        return 0.0

    def _is_over(self, board: Board, run_id: str, number: int) -> bool:
        """End an attempt on the board; False: ask again. A board that lost even the agent's code has nothing of it."""
        try:
            return board.abort(run_id, number, self._fence()).state is not RunState.ACTIVE
        except StaleFenceError as error:
            self._overtake(error.number or 0)
            return False
        except NotStagedError:
            return True

    def _withdraw(self, assignment: Assignment, seen: AttemptState) -> None:
        with self._writing() as session:
            attempts.withdraw(session, assignment.attempt_id, seen)

    def _lose(self, assignment: Assignment, state: AttemptState, fault: Fault, code: str, message: str) -> None:
        with self._writing() as session:
            attempt = session.get_one(AttemptRow, assignment.attempt_id)
            attempts.fail(session, attempt, state, fault, code, message)
            judge_canary(session, attempt.run)

    def _overtake(self, board_number: int) -> float:
        lease = leases.overtake(self.farm.database, self.lease, board_number)
        self.lease = lease or self.lease
        return 0.0 if lease else LONGEST_WAIT_S

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self.farm.database.write() as session:
            yield session
            session.flush()
            attempts.require_lease(session, self.lease)

    def _note_contact(self, status: Status) -> None:
        with self._writing() as session:
            links.note_contact(session, self.lease.device_id, status)

    def _stop_device(self, reason: str) -> None:
        with self._writing() as session:
            attempts.make_sick(session, session.get_one(DeviceRow, self.lease.device_id), reason)

    def _back_off(self, error: Exception) -> float:
        with self._writing() as session:
            return links.note_unreachable(session, self.lease.device_id, str(error), MAX_BACKOFF_S)

    def _fence(self) -> Fence:
        return Fence(farm_id=self.farm.farm_id, number=self.lease.fence)


def _wants_scores(assignment: Assignment, ended: Ended) -> bool:
    """Whether what has ended is answers: they are scored before their run is done."""
    return assignment.data is not None and ended.outcome is Outcome.COMPLETED


def _until_next_report(status: Status, assignment: Assignment) -> float:
    """When the board wants to be asked again; whatever it says, not later than its run may last."""
    if status.state is not RunState.ACTIVE:
        return 0.0
    wanted_s = LONGEST_WAIT_S if status.next_report_in_s is None else status.next_report_in_s
    return min(max(wanted_s, 0.0), limits_for(assignment.protocol, None, 1.0).wall_s)
