"""What a board writes down: the records of a run's journal.

Times named `at_ns` are monotonic nanoseconds since the attempt was claimed. A sensor that is absent is null and is
listed in `Environment.absent`; nothing is guessed. A board is not trusted: every record refuses what
no honest board says, so that whatever is made from records can rely on their times, sizes and order.
"""

import enum
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.wire.codec import require
from agent.wire.evaluation import Predicted
from agent.wire.profile import Profiled
from agent.wire.ramp import Swept
from agent.wire.spec import MAX_SEGMENTS, Scalar

MAX_NS = 2**53  # 104 days: sums stay within 64 bits, and every nanosecond is exact as a float
MAX_UNIT_NS = 1_000_000
MAX_VERSION = 200
MAX_TENSORS = 100
MAX_DIMENSIONS = 32
MAX_TENSOR_NAME = 300
MAX_CONTACTS = 1000
COLDEST_C, HOTTEST_C = -273.15, 1000.0


class Phase(enum.Enum):
    """Where a run is; `idle`, `warm_up` and `window` together are the quiet window. `evaluating` comes in its place."""

    GATE = "gate"
    LOAD = "load"
    READY = "ready"
    IDLE = "idle"
    WARM_UP = "warm_up"
    WINDOW = "window"
    EVALUATING = "evaluating"
    COOLING = "cooling"
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

    def __post_init__(self) -> None:
        _require_time("at_ns", self.at_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePassed:
    """The gate opened, or timed out; `start_c` is the temperature that it was held against, where one was asked for.

    `idle_c` is the temperature that the idle board tended to: the asymptote of its cooling, or the mean where the curve
    was flat; a study's first gate makes `start_c` from it. `idle_error_c` is its standard error, `tau_s` the time
    constant of the cooling, `forecast_s` the first forecast of the whole wait; each is null where it could not be told.
    """

    at_ns: int
    waited_s: float
    timed_out: bool
    reason: str
    temperature_c: float | None = None
    start_c: float | None = None
    idle_c: float | None = None
    foreign_cpu: float | None = None
    idle_error_c: float | None = None
    tau_s: float | None = None
    forecast_s: float | None = None

    def __post_init__(self) -> None:
        _require_time("at_ns", self.at_ns)
        require(self.waited_s >= 0, "waited_s", "0 or more", self.waited_s)
        for name in ("idle_error_c", "tau_s", "forecast_s"):
            figure = getattr(self, name)
            require(figure is None or figure >= 0, name, "0 or more", figure)
        for name in ("temperature_c", "start_c", "idle_c"):
            value = getattr(self, name)
            require(value is None or COLDEST_C <= value <= HOTTEST_C, name, "degrees Celsius", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFact:
    """One tensor as it was really fed or returned."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for field_name in ("name", "dtype"):
            size = len(getattr(self, field_name))
            require(size <= MAX_TENSOR_NAME, field_name, f"at most {MAX_TENSOR_NAME} characters", size)
        require(len(self.shape) <= MAX_DIMENSIONS, "shape", f"at most {MAX_DIMENSIONS} sizes", len(self.shape))
        require(min(self.shape, default=0) >= 0, "shape", "sizes of 0 or more", self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The model is in memory and has answered once. Load and first inference are never part of the window.

    `options` are what the runtime was loaded with; version 1 kept the time of its import among them, as `import_ms`.
    """

    at_ns: int
    load_ns: int
    first_ns: int
    runtime_version: str
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    output_sha256: str
    options: Mapping[str, Scalar] = field(default_factory=dict)
    import_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("at_ns", "load_ns", "first_ns", "import_ns"):
            _require_time(name, getattr(self, name))
        size = len(self.runtime_version)
        require(size <= MAX_VERSION, "runtime_version", f"at most {MAX_VERSION} characters", size)
        for name in ("inputs", "outputs"):
            count = len(getattr(self, name))
            require(count <= MAX_TENSORS, name, f"at most {MAX_TENSORS} tensors", count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferences:
    """A chunk of raw inferences in order: start (since the claim) and duration of each, nanoseconds.

    None starts before the one before it has ended. `segment` counts the windows of a run that heat interrupted, from 0.
    Every time is a multiple of `unit_ns`, which is 1 unless the run is sustained.
    """

    phase: Phase
    first_index: int
    starts_ns: tuple[int, ...]
    durations_ns: tuple[int, ...]
    segment: int = 0
    unit_ns: int = 1

    def __post_init__(self) -> None:
        require(self.segment in range(MAX_SEGMENTS), "segment", f"0..{MAX_SEGMENTS - 1}", self.segment)
        require(self.phase in (Phase.WARM_UP, Phase.WINDOW), "phase", "warm_up or window", self.phase.value)
        require(
            len(self.starts_ns) == len(self.durations_ns) > 0,
            "durations_ns",
            "as many as starts_ns",
            len(self.durations_ns),
        )
        require(min(self.durations_ns) > 0, "durations_ns", "more than 0", min(self.durations_ns))
        require(0 <= self.first_index <= MAX_NS, "first_index", f"0..{MAX_NS}", self.first_index)
        _require_time("starts_ns", min(self.starts_ns))
        _require_time("durations_ns", max(self.durations_ns))
        _require_time("starts_ns", self.end_ns)
        ends_ns = map(operator.add, self.starts_ns, self.durations_ns)
        gap_ns = min(map(operator.sub, self.starts_ns[1:], ends_ns), default=0)
        require(gap_ns >= 0, "starts_ns", "each at or after the end of the inference before", f"{-gap_ns} ns before")
        require(1 <= self.unit_ns <= MAX_UNIT_NS, "unit_ns", f"1..{MAX_UNIT_NS}", self.unit_ns)
        is_whole = self.unit_ns == 1 or math.gcd(*self.starts_ns, *self.durations_ns) % self.unit_ns == 0
        require(is_whole, "unit_ns", "what all times are multiples of", self.unit_ns)

    @property
    def end_ns(self) -> int:
        """When the last of them ended."""
        return self.starts_ns[-1] + self.durations_ns[-1]


Series = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """A chunk of telemetry: equally long columns, null where a sensor gave nothing.

    `clock_hz` is the true ARM clock, `requested_hz` what the kernel asked for; `throttled` holds the live and sticky
    bits as the firmware gives them; `foreign_cpu` is the share (0..1) of all cores used by others. `ambient_c` is what
    a thermometer beside the board shows; it may be left out whole.
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
    ambient_c: Series = ()

    def __post_init__(self) -> None:
        if not self.ambient_c:
            object.__setattr__(self, "ambient_c", (None,) * len(self.at_ns))
        columns = ("temperature_c", "clock_hz", "requested_hz", "throttled", "memory_available_bytes",
                   "rss_bytes", "foreign_cpu", "fan_rpm", "power_w", "ambient_c")  # fmt: skip
        for name in columns:
            require(
                len(getattr(self, name)) == len(self.at_ns),
                name,
                f"{len(self.at_ns)} values",
                len(getattr(self, name)),
            )
        for at_ns in (min(self.at_ns, default=0), max(self.at_ns, default=0)):
            _require_time("at_ns", at_ns)
        require(list(self.at_ns) == sorted(self.at_ns), "at_ns", "times in their order", self.at_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Last record of an attempt. A failed run is data: `code` is machine-readable, `message` says what to do.

    `swapped_bytes` went to swap in the quiet window; `back_to_gate` counts the returns to the gate after a warm-up,
    because the board was busy; `contacts_ns` are the times at which somebody spoke to the board in the quiet window.
    `swept` is what came of a sweep; null of any other run.
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
    swept: Swept | None = None

    def __post_init__(self) -> None:
        require(
            (self.outcome is Outcome.FAILED) == (self.fault is not None),
            "fault",
            "given if and only if failed",
            self.fault,
        )
        _require_time("at_ns", self.at_ns)
        require(self.back_to_gate in range(MAX_CONTACTS), "back_to_gate", f"0..{MAX_CONTACTS}", self.back_to_gate)
        require(len(self.contacts_ns) <= MAX_CONTACTS, "contacts_ns", f"at most {MAX_CONTACTS}", len(self.contacts_ns))
        for name in ("peak_rss_bytes", "swapped_bytes"):
            value = getattr(self, name)
            require(value is None or value >= 0, name, "0 or more", value)
        if self.swept is not None:
            for at_ns in self.swept.times_ns:
                _require_time("swept", at_ns)
            for value_c in (self.swept.low_c, self.swept.high_c):
                require(COLDEST_C <= value_c <= HOTTEST_C, "swept", "degrees Celsius", value_c)


def _require_time(name: str, at_ns: int) -> None:
    require(0 <= at_ns <= MAX_NS, name, f"nanoseconds of 0..{MAX_NS}", at_ns)


Record = (
    Claimed | Environment | PhaseEntered | GatePassed | Loaded | Inferences | Telemetry | Profiled | Predicted | Ended
)
RECORD_KINDS: Mapping[str, type] = {
    "claimed": Claimed,
    "environment": Environment,
    "phase": PhaseEntered,
    "gate": GatePassed,
    "loaded": Loaded,
    "inferences": Inferences,
    "telemetry": Telemetry,
    "profile": Profiled,
    "predicted": Predicted,
    "ended": Ended,
}
