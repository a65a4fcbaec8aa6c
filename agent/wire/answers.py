"""What a board answers to the agent's commands: one `Answer` on one line.

As with journal records, a board is not trusted, and what it does not know is null and listed in `absent`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.wire.codec import require
from agent.wire.names import is_plain_name
from agent.wire.records import Phase
from agent.wire.spec import MAX_FENCE, Scalar

MAX_SETTINGS = 1000
MAX_EXAMINED = 20
MAX_WORDS = 400
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
class Progress:
    """How much of a long piece of work is done: `done` examples `of` all."""

    done: int
    of: int

    def __post_init__(self) -> None:
        require(0 <= self.done <= self.of, "done", f"0..{self.of}", self.done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Answer of `start` and `status`. `next_report_in_s` is when to come back; until then the board wants quiet.

    `journal_bytes` follow the answer's line on standard output, read from the offset that was asked for. At the gate,
    `waiting_for` says why the board waits, and `ready_in_s` about how much longer, where that can be told. `progress`
    is that of an evaluation.
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
    progress: Progress | None = None

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


class Way(enum.Enum):
    """How a setting of the board was written."""

    SYSFS = "sysfs"
    SUDO = "sudo"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it was, as it was wanted, and as it read afterwards; `problem` says why it is not as wanted."""

    name: str
    before: str | None
    wanted: str
    after: str | None
    way: Way
    problem: str = ""

    def __post_init__(self) -> None:
        _require_short(self.name, self.before, self.wanted, self.after, self.problem)

    @property
    def is_verified(self) -> bool:
        """Whether it reads as it was wanted."""
        return self.after == self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Answer of `prepare` and `restore`. `is_prepared`: the owner's settings are kept on the board, to be put back.

    `clock_hz` is the true clock under a short load, null where the firmware does not tell it (`problem` says so).
    """

    is_prepared: bool
    settings: tuple[Setting, ...] = ()
    wanted_hz: float | None = None
    clock_hz: float | None = None
    clock_source: str | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        require(len(self.settings) <= MAX_SETTINGS, "settings", f"at most {MAX_SETTINGS}", len(self.settings))
        _require_short(self.clock_source, self.problem)

    @property
    def is_verified(self) -> bool:
        """Whether every setting reads as wanted, and the true clock, where it is known, is at least 0.98 of it."""
        if not all(setting.is_verified for setting in self.settings):
            return False
        return self.clock_hz is None or self.wanted_hz is None or self.clock_hz >= 0.98 * self.wanted_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyProcess:
    """A process that is not the farm's, by its name, and its share of one core."""

    name: str
    cores: float

    def __post_init__(self) -> None:
        _require_short(self.name)
        require(self.cores >= 0, "cores", "0 or more", self.cores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that wakes up by itself; `next_in_s` is null where its next time is not known."""

    name: str
    next_in_s: float | None = None

    def __post_init__(self) -> None:
        _require_short(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """Answer of `examine`: what disturbs this board or could. `absent` names what could not be looked at."""

    facts: Mapping[str, Scalar]
    busy: tuple[BusyProcess, ...] = ()
    timers: tuple[Timer, ...] = ()
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("busy", "timers", "absent"):
            size = len(getattr(self, name))
            require(size <= MAX_EXAMINED, name, f"at most {MAX_EXAMINED}", size)
        _require_short(*self.absent, *self.facts, *(value for value in self.facts.values() if isinstance(value, str)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The one line that every command prints: exactly one of its fields is given."""

    status: Status | None = None
    refused: Refused | None = None
    probe: Probe | None = None
    tuned: Tuned | None = None
    examined: Examined | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in _ANSWERS if getattr(self, name) is not None]
        require(len(given) == 1, "answer", f"exactly one of {', '.join(_ANSWERS)}", given)


_ANSWERS = ("status", "refused", "probe", "tuned", "examined", "error")


def _require_short(*texts: str | None) -> None:
    for text in texts:
        size = len(text or "")
        require(size <= MAX_WORDS, "text", f"at most {MAX_WORDS} characters", size)


def _require_fence(owner: str | None, name: str, number: int | None) -> None:
    require(owner is None or is_plain_name(owner), "owner", "a plain name", owner)
    require(number is None or 0 <= number < MAX_FENCE, name, f"0..{MAX_FENCE}", number)
