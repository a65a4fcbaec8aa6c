"""What a board answers to `start`, `status`, `abort` and `probe`: one `Answer` on one line.

As with journal records, a board is not trusted, and what it does not know is null and listed in `absent`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.wire.codec import require
from agent.wire.records import Phase
from agent.wire.spec import MAX_FENCE, Scalar, is_plain_name

MAX_IDENTITY = 90  # two of them and a sign between fit a column of 200 characters


class RunState(enum.Enum):
    """State of an attempt on the board, derived from its folder and the lock, never guessed."""

    ACTIVE = "active"
    ENDED = "ended"
    LOST = "lost"
    UNKNOWN = "unknown"


class LostCause(enum.Enum):
    """Why an attempt is lost."""

    REBOOTED = "rebooted"
    AGENT_DIED = "agent died"
    NEVER_STARTED = "never started"
    JOURNAL_CUT = "journal cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Answer of `start` and `status`. `next_report_in_s` is when to come back; until then the board wants quiet.

    `journal_bytes` follow the answer's line on standard output, read from the offset that was asked for. At the gate,
    `waiting_for` says why the board waits, and `ready_in_s` about how much longer, where that can be told.
    """

    run_id: str
    attempt: int
    state: RunState
    phase: Phase | None = None
    cause: LostCause | None = None
    next_report_in_s: float | None = None
    journal_bytes: int = 0
    waiting_for: str = ""
    temperature_c: float | None = None
    ready_in_s: float | None = None

    def __post_init__(self) -> None:
        require(self.ready_in_s is None or self.ready_in_s >= 0, "ready_in_s", "0 or more", self.ready_in_s)


class RefusedBecause(enum.Enum):
    """Why a board did not do what was asked."""

    BUSY = "busy"
    OWNED = "owned"
    STALE_FENCE = "stale fence"
    FENCE_UNREADABLE = "fence unreadable"
    NO_SPACE = "no space"
    NO_ARTIFACT = "no artifact"
    BAD_SPEC = "bad spec"
    CLAIMED_BEFORE = "claimed before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Answer of `start` or `abort` that changed nothing; `owner` and `number` are the board's fence."""

    because: RefusedBecause
    message: str
    owner: str | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        _require_fence(self.owner, "number", self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Answer of `probe`: what the board is. `facts` as in `Environment`.

    `board` reads like ``Raspberry Pi 5 Model B Rev 1.0``, `board_type` is its group in a ranking (``pi5``, ``host``).
    """

    machine_id: str
    serial: str | None
    board: str
    board_type: str
    simulated: bool
    cores: int
    memory_bytes: int | None
    disk_free_bytes: int
    boot_id: str
    owner: str | None
    fence_number: int | None
    facts: Mapping[str, Scalar]
    sources: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    runtimes: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)
    adopted_python: str | None = None

    def __post_init__(self) -> None:
        _require_fence(self.owner, "fence_number", self.fence_number)
        for name in ("machine_id", "serial", "board_type"):
            size = len(getattr(self, name) or "")
            require(size <= MAX_IDENTITY, name, f"at most {MAX_IDENTITY} characters", size)
        require(self.cores >= 1, "cores", "1 or more", self.cores)
        for name in ("memory_bytes", "disk_free_bytes"):
            value = getattr(self, name)
            require(value is None or value >= 0, name, "0 or more", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The one line that every command prints: exactly one of its fields is given."""

    status: Status | None = None
    refused: Refused | None = None
    probe: Probe | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("status", "refused", "probe", "error") if getattr(self, name) is not None]
        require(len(given) == 1, "answer", "exactly one of status, refused, probe, error", given)


def _require_fence(owner: str | None, name: str, number: int | None) -> None:
    require(owner is None or is_plain_name(owner), "owner", "a plain name", owner)
    require(number is None or 0 <= number < MAX_FENCE, name, f"0..{MAX_FENCE}", number)
