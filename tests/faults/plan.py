"""What is going to happen: faults drawn from a seed. The same seed gives the same plan, though not the same moments:
processes and networks interleave as they like."""

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_GAP_S = 0.3
LONGEST_GAP_S = 3.7


class FaultKind(enum.Enum):
    """What can happen to a farm."""

    WORKER_KILLED = "kill -9 of a worker"
    WORKER_ASLEEP = "a worker stopped beyond its lease, then continued"
    BROKER_KILLED = "kill -9 of the broker"
    BROKER_EMPTIED = "the broker lost everything"
    SUPERVISOR_KILLED = "kill -9 of the supervisor"
    MESSAGES_DOUBLED = "a message delivered 20 times"
    MESSAGES_LOST = "messages lost"
    MESSAGES_LATE = "messages late"
    LINK_CUT = "SSH cut"
    NETWORK_DOWN = "a board off the network"
    AGENT_KILLED = "kill -9 of an agent"
    AGENT_ASLEEP = "an agent stopped, then continued"
    MEASURING_KILLED = "kill -9 of a measuring process"
    AGENT_KILLED_MEASURING_ASLEEP = "kill -9 of an agent whose measuring process is stopped"
    REBOOT = "a board reboots"
    REBOOT_WHILE_CLAIMING = "power lost while a run is claimed"
    JOURNAL_CORRUPTED = "a journal corrupted on the board"
    JOURNAL_CUT = "a journal cut on the board"
    DISK_FULL = "a full disk on a board"
    CLOCK_STEP = "the database's clock steps"
    FENCE_RESTORED = "the database restored with older fences"
    CANCELLED = "a study cancelled, later retried"
    GIVEN_UP = "attempts given up by an operator, runs retried"


WEIGHTS: dict[FaultKind, int] = {
    FaultKind.WORKER_KILLED: 5,
    FaultKind.WORKER_ASLEEP: 5,
    FaultKind.BROKER_KILLED: 3,
    FaultKind.BROKER_EMPTIED: 2,
    FaultKind.SUPERVISOR_KILLED: 2,
    FaultKind.MESSAGES_DOUBLED: 5,
    FaultKind.MESSAGES_LOST: 3,
    FaultKind.MESSAGES_LATE: 4,
    FaultKind.LINK_CUT: 8,
    FaultKind.NETWORK_DOWN: 5,
    FaultKind.AGENT_KILLED: 6,
    FaultKind.AGENT_ASLEEP: 4,
    FaultKind.MEASURING_KILLED: 6,
    FaultKind.AGENT_KILLED_MEASURING_ASLEEP: 4,
    FaultKind.REBOOT: 6,
    FaultKind.REBOOT_WHILE_CLAIMING: 4,
    FaultKind.JOURNAL_CORRUPTED: 4,
    FaultKind.JOURNAL_CUT: 4,
    FaultKind.DISK_FULL: 3,
    FaultKind.CLOCK_STEP: 4,
    FaultKind.FENCE_RESTORED: 1,
    FaultKind.CANCELLED: 2,
    FaultKind.GIVEN_UP: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One fault: how long after the one before, and the seed of every choice that it makes."""

    after_s: float
    kind: FaultKind
    seed: int


def make_plan(seed: int, count: int, *, pace: float = 1.0) -> Sequence[PlannedFault]:
    """So many faults; each kind comes once before the rest is drawn by weight, in an order of the seed's.

    `pace` stretches the time between them.
    """
    rng = random.Random(seed)
    kinds = list(FaultKind)
    rng.shuffle(kinds)
    kinds = kinds[:count] + rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(count - len(kinds), 0))
    return [
        PlannedFault(after_s=pace * rng.uniform(SHORTEST_GAP_S, LONGEST_GAP_S), kind=kind, seed=rng.getrandbits(32))
        for kind in kinds
    ]
