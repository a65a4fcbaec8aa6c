"""What a board says: journal records, and the answers of `start`, `status`, `abort` and `probe`.

Times named `at_ns` are monotonic nanoseconds since the attempt was claimed. A sensor that is absent is null and is
listed in `Environment.absent` or `Probe.absent`; nothing is guessed.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.wire.codec import require
from agent.wire.spec import Scalar


class Phase(enum.Enum):
    """Where a run is; `warm_up` and `window` together are the quiet window."""

    GATE = "gate"
    LOAD = "load"
    READY = "ready"
    WARM_UP = "warm_up"
    WINDOW = "window"
    END = "end"


class Outcome(enum.Enum):
    """How an attempt ended, as the agent saw it."""

    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


class Fault(enum.Enum):
    """Whose fault a failed attempt is; only a device's is worth another attempt."""

    SPEC = "spec"
    MODEL = "model"
    DEVICE = "device"
    AGENT = "agent"


class StoppedBy(enum.Enum):
    """What ended the window."""

    ENOUGH = "enough"
    TIME = "time"
    HEAT = "heat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """First record: the attempt is bound to this board, this boot and this bundle."""

    run_id: str
    attempt: int
    bundle_hash: str
    boot_id: str
    board_time_s: float
    uptime_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the run ran on: `facts` are short texts or numbers by name (kernel, firmware, governor, versions, ...).

    `measuring_hash` covers only the sources that decide a figure; `sources` says where each telemetry series came from.
    """

    measuring_hash: str
    facts: Mapping[str, Scalar]
    sources: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEntered:
    """The run went on to `phase`."""

    phase: Phase
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePassed:
    """The gate opened, or timed out; `start_c` is the temperature that it was held against, where one was asked for."""

    at_ns: int
    waited_s: float
    timed_out: bool
    reason: str
    temperature_c: float | None = None
    start_c: float | None = None
    idle_c: float | None = None
    foreign_cpu: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFact:
    """One tensor as it was really fed or returned."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The model is in memory and has answered once. Load and first inference are never part of the window."""

    at_ns: int
    load_ns: int
    first_ns: int
    runtime_version: str
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    output_sha256: str
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferences:
    """A chunk of raw inferences in order: start (since the claim) and duration of each, nanoseconds."""

    phase: Phase
    first_index: int
    starts_ns: tuple[int, ...]
    durations_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        require(self.phase in (Phase.WARM_UP, Phase.WINDOW), "phase", "warm_up or window", self.phase.value)
        require(
            len(self.starts_ns) == len(self.durations_ns) > 0,
            "durations_ns",
            "as many as starts_ns",
            len(self.durations_ns),
        )
        require(min(self.durations_ns) > 0, "durations_ns", "more than 0", min(self.durations_ns))
        require(self.first_index >= 0, "first_index", "0 or more", self.first_index)


Series = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """A chunk of telemetry: equally long columns, null where a sensor gave nothing.

    `clock_hz` is the true ARM clock, `requested_hz` what the kernel asked for; `throttled` holds the live and sticky
    bits as the firmware gives them; `foreign_cpu` is the share (0..1) of all cores used by others.
    """

    at_ns: tuple[int, ...]
    temperature_c: Series
    clock_hz: Series
    requested_hz: Series
    throttled: tuple[int | None, ...]
    memory_available_bytes: tuple[int | None, ...]
    rss_bytes: tuple[int | None, ...]
    foreign_cpu: Series
    fan_rpm: Series
    power_w: Series

    def __post_init__(self) -> None:
        columns = ("temperature_c", "clock_hz", "requested_hz", "throttled", "memory_available_bytes",
                   "rss_bytes", "foreign_cpu", "fan_rpm", "power_w")  # fmt: skip
        for name in columns:
            require(
                len(getattr(self, name)) == len(self.at_ns),
                name,
                f"{len(self.at_ns)} values",
                len(getattr(self, name)),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Last record of an attempt. A failed run is data: `code` is machine-readable, `message` says what to do.

    `swapped_bytes` went to swap in the quiet window; `back_to_gate` counts the returns to the gate after a warm-up,
    because the board was busy; `contacts_ns` are the times at which somebody spoke to the board in the quiet window.
    """

    at_ns: int
    outcome: Outcome
    fault: Fault | None = None
    code: str = ""
    message: str = ""
    stopped_by: StoppedBy | None = None
    peak_rss_bytes: int | None = None
    swapped_bytes: int | None = None
    back_to_gate: int = 0
    contacts_ns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require(
            (self.outcome is Outcome.FAILED) == (self.fault is not None),
            "fault",
            "given if and only if failed",
            self.fault,
        )


Record = Claimed | Environment | PhaseEntered | GatePassed | Loaded | Inferences | Telemetry | Ended
RECORD_KINDS: Mapping[str, type] = {
    "claimed": Claimed,
    "environment": Environment,
    "phase": PhaseEntered,
    "gate": GatePassed,
    "loaded": Loaded,
    "inferences": Inferences,
    "telemetry": Telemetry,
    "ended": Ended,
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Answer of `start` and `status`. `next_report_in_s` is when to come back; until then the board wants quiet.

    `journal_bytes` follow the answer's line on standard output, read from the offset that was asked for.
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
