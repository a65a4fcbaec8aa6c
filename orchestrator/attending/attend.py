"""The attendant: looks after one device for a few seconds, under a lease, and says when to come back.

    lease -> open attempt? -> none: pick the next run, stage it, start it
                           -> one:  fetch and ingest what is new; ended or lost: settle it, go on

It carries no state: whatever it knows is in SQL or on the board, so it may be called twice, late, or never. What it
writes to SQL is committed only while nobody else has taken its lease, however long it slept meanwhile. It speaks
to a board only when the board expects it: between the announced start of the quiet window and its end the connection
is closed. What is done with an attempt is in `steps.py`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.attending import attempts, leases, links, picking
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.links import Link
from orchestrator.attending.picking import Assignment, Idle, NotMyTurn
from orchestrator.attending.steps import LONGEST_WAIT_S, TURN_RETRY_S, step
from orchestrator.attending.tenure import Tenure
from orchestrator.canary.planting import plant_if_due
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import DeviceError, HostKeyError, OwnedError, TransportError
from orchestrator.farm import Farm

ATTENTION_S = 20.0
MOST_STEPS = 200  # of one visit; an honest board never needs as many, and a dishonest one gets no more
MAX_BACKOFF_S = 300.0

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
    tenure = Tenure(farm=farm, lease=lease)
    next_attention_in_s: float | None = LONGEST_WAIT_S
    try:
        next_attention_in_s = Attendant(tenure=tenure, wake=wake, pause=pause).look_after()
    finally:
        leases.release(farm.database, tenure.lease, next_attention_in_s)


@dataclass(kw_only=True)
class Attendant:
    """One visit to one device. Lifecycle: made under a lease, `look_after` once, then thrown away."""

    tenure: Tenure
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
            with self.connect(self.tenure.farm, self.tenure.lease.device_id) as link:
                return self._serve(link)
        except (HostKeyError, OwnedError) as error:
            self._stop_device(str(error))
            return None
        except (TransportError, DeviceError) as error:
            return self._back_off(error)

    def _serve(self, link: Link) -> float | None:
        farm, device_id = self.tenure.farm, self.tenure.lease.device_id
        ends_at = self.clock() + ATTENTION_S
        for _ in range(MOST_STEPS):
            if not self.tenure.renew():
                break
            assignment = picking.current(farm.database, device_id)
            is_tidy = True
            if assignment is None:
                is_tidy = self._tidy_up(link)
                plant_if_due(farm, device_id)
            chosen = assignment or picking.open_next(farm.database, device_id)
            if not isinstance(chosen, Assignment):
                return self._without_work(chosen, is_tidy)
            wait_s = step(self.tenure, link, chosen)
            if wait_s > LONGEST_WAIT_S or self.clock() + wait_s > ends_at:
                return wait_s
            if wait_s > 0:
                link.transport.close()
                if self.pause(wait_s):
                    return wait_s
        return LONGEST_WAIT_S

    def _without_work(self, reason: Idle | NotMyTurn, is_tidy: bool) -> float | None:
        if isinstance(reason, NotMyTurn):
            self.wake(reason.device_id)
            return TURN_RETRY_S
        return None if is_tidy and reason is not Idle.MACHINE_BUSY else TURN_RETRY_S

    def _tidy_up(self, link: Link) -> bool:
        """Let the board forget what is closed here; False: it has yet to end what was closed without its word."""
        database, device_id = self.tenure.farm.database, self.tenure.lease.device_id
        closed = attempts.to_forget(database, device_id)
        board = link.board(link.bundle_hash)
        ended = [each for each in closed if each.is_seen or self.tenure.is_over(board, each.run_id, each.number)]
        if ended:
            board.forget([(each.run_id, each.number) for each in ended])
            attempts.note_forgotten(database, ended)
        if closed:
            with self.tenure.writing() as session:
                links.note_reachable(session, device_id)
        return len(ended) == len(closed)

    def _stop_device(self, reason: str) -> None:
        with self.tenure.writing() as session:
            attempts.make_sick(session, session.get_one(DeviceRow, self.tenure.lease.device_id), reason)

    def _back_off(self, error: Exception) -> float:
        with self.tenure.writing() as session:
            return links.note_unreachable(session, self.tenure.lease.device_id, str(error), MAX_BACKOFF_S)
