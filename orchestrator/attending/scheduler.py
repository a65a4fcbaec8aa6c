"""Which run comes next on a device, and which device's turn it is on a machine. Pure: the answer depends on the set
of what waits, never on the order in which it is given.

Priority and fairness act between blocks, never inside one: a block that has begun is finished first, or the pairing
of its variants is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued run as the scheduler sees it.

    `is_health_check`: a canary of a device that may do nothing else before it. `is_block_begun` says whether another
    run of its block has been measured on this device already;
    `study_runs_measured` how many runs its study has had there; a greater `priority` comes first.
    """

    run_id: str
    study_id: int
    priority: int
    block: int
    position: int
    is_block_begun: bool
    study_runs_measured: int
    is_health_check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A device that waits for its machine."""

    device_id: int
    last_served_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a study is on a machine: runs that it has had there, that under way included, and runs that wait."""

    study_id: int
    priority: int
    measured: int
    waiting: int


def next_run(waiting: Iterable[Waiting]) -> Waiting | None:
    """The run to measure next: a health check, a begun block, priority, the study served least, block order."""
    return min(waiting, key=_rank, default=None)


def whose_turn(turns: Iterable[Turn]) -> int | None:
    """The device that its machine serves next: the one that was served longest ago."""
    turn = min(turns, key=lambda turn: (turn.last_served_at_s, turn.device_id), default=None)
    return None if turn is None else turn.device_id


def runs_before(study: Standing, other: Standing) -> int:
    """How many of the `other` study's runs are measured before the last one of the `study`.

    By the rule of `next_run`, for blocks of one run: longer ones shift it by less than a block.
    """
    if not study.waiting:
        return 0
    if other.priority != study.priority:
        return other.waiting if other.priority > study.priority else 0
    goes_first = other.study_id < study.study_id
    reached = study.measured + study.waiting - 1 + goes_first
    return min(other.waiting, max(0, reached - other.measured))


def _rank(run: Waiting) -> tuple[bool, bool, int, int, int, int, int, str]:
    return (
        not run.is_health_check,
        not run.is_block_begun,
        -run.priority,
        run.study_runs_measured,
        run.study_id,
        run.block,
        run.position,
        run.run_id,
    )
