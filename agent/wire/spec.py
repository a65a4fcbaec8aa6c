"""What the orchestrator asks of a board: one run, whole, in one immutable value.

A `RunSpec` is all that a board needs to know; a protocol is data inside it. An invalid spec cannot exist.
"""

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.wire.codec import require
from agent.wire.evaluation import Evaluation
from agent.wire.names import is_hash, is_plain_name, is_relative_name
from agent.wire.profile import Profiling
from agent.wire.ramp import Ramp

Scalar = str | int | float | bool
MAX_FENCE = 2**53  # a board may make a farm count on from below it
MAX_SEGMENTS = 20
LONGEST_REST_S = 86_400.0
ONSET_SHARE = 0.8  # of the time that a board is known to bear a load: how long a burst may load it


class Regime(enum.Enum):
    """Whether a board was measured cold, settled, or on a ramp of temperatures; never ranked against each other."""

    BURST = "burst"
    SUSTAINED = "sustained"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Who speaks to the board and since when; `number` is compared only within one owner."""

    farm_id: str
    number: int

    def __post_init__(self) -> None:
        require(is_plain_name(self.farm_id), "farm_id", "a plain name", self.farm_id)
        require(0 <= self.number <= MAX_FENCE, "number", f"0..{MAX_FENCE}", self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """When a board may start: every condition that is given must hold. Temperatures are of the die.

    `max_c`          at most this
    `start_c`        the mean over `mean_s` within +-`band_c` of this, for `hold_s`: cooled passively from above, warmed
                     by a burner from below
    `above_idle_c`   instead of `start_c`, a study's first run on a device: what `idle_s` of idling tell, plus this
    `foreign_cpu_max` share of all cores that other processes may use (0..1), over `load_window_s`
    `live_bits_clear` no live throttle bit
    After `timeout_s`, or 4 time constants of the board's cooling where that is longer, the run goes on and says so;
    without a start temperature only the first counts. The foreign load is checked again at the end of warm-up.
    """

    max_c: float | None = None
    start_c: float | None = None
    above_idle_c: float | None = None
    idle_s: float = 60.0
    band_c: float = 2.0
    mean_s: float = 10.0
    hold_s: float = 0.0
    foreign_cpu_max: float | None = None
    load_window_s: float = 2.0
    live_bits_clear: bool = True
    timeout_s: float = 1200.0

    def __post_init__(self) -> None:
        require(self.band_c > 0, "band_c", "more than 0", self.band_c)
        require(self.mean_s > 0, "mean_s", "more than 0", self.mean_s)
        require(self.hold_s >= 0, "hold_s", "0 or more", self.hold_s)
        require(self.idle_s > 0, "idle_s", "more than 0", self.idle_s)
        require(self.load_window_s > 0, "load_window_s", "more than 0", self.load_window_s)
        require(self.timeout_s >= 0, "timeout_s", "0 or more", self.timeout_s)
        require(
            self.foreign_cpu_max is None or 0 < self.foreign_cpu_max <= 1,
            "foreign_cpu_max",
            "0..1",
            self.foreign_cpu_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """Inferences that are kept but not counted: both minima, then, where asked, until steady.

    Steady: the two newer thirds of the warm-up are shown, against their own noise, to differ by less than
    `steady_within` (0.02 = 2 %); given up after `max_s`.
    """

    min_inferences: int
    min_s: float
    steady_within: float | None = None
    max_s: float = 120.0

    def __post_init__(self) -> None:
        require(self.min_inferences >= 0, "min_inferences", "0 or more", self.min_inferences)
        require(self.min_s >= 0, "min_s", "0 or more", self.min_s)
        require(self.max_s >= self.min_s, "max_s", f"at least min_s ({self.min_s})", self.max_s)
        require(
            self.steady_within is None or 0 < self.steady_within < 1,
            "steady_within",
            "0..1",
            self.steady_within,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The measuring window's stop rule: both minima, or `max_s`, or the die at `stop_c`, or 80 % of a known `onset_s`.

    Heat that leaves too few inferences sends the run back to the gate for a further segment, at most `segments` in all;
    the minima and `max_s` are those of all segments together. `onset_s` is how long this board runs this load, warm-up
    included, from its start temperature until it throttles, where that is known.
    """

    min_inferences: int
    min_s: float
    max_s: float
    stop_c: float | None = None
    onset_s: float | None = None
    segments: int = 1

    def __post_init__(self) -> None:
        require(self.min_inferences >= 1, "min_inferences", "1 or more", self.min_inferences)
        require(self.min_s >= 0, "min_s", "0 or more", self.min_s)
        require(self.max_s >= self.min_s, "max_s", f"at least min_s ({self.min_s})", self.max_s)
        require(self.onset_s is None or self.onset_s > 0, "onset_s", "more than 0", self.onset_s)
        require(1 <= self.segments <= MAX_SEGMENTS, "segments", f"1..{MAX_SEGMENTS}", self.segments)

    @property
    def longest_load_s(self) -> float | None:
        """How long warm-up and window may load the board in one go; None where no onset is known."""
        return None if self.onset_s is None else ONSET_SHARE * self.onset_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """An open loop: inferences are due at a steady rate, whether the one before has ended or not.

    Inference i of a window is due i periods after the start of that window's first inference, which is always on time.
    Latency counts from the time at which an inference was due. It misses its deadline when it ends more than
    `deadline_s` (None: one period) after that.
    """

    rate_per_s: float
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        require(0.001 <= self.rate_per_s <= 10_000, "rate_per_s", "0.001..10000", self.rate_per_s)
        require(self.deadline_s is None or self.deadline_s > 0, "deadline_s", "more than 0", self.deadline_s)

    @property
    def period_ns(self) -> int:
        """From one due time to the next."""
        return round(1e9 / self.rate_per_s)

    @property
    def deadline_ns(self) -> int:
        """How long after its due time an inference has to be done."""
        return self.period_ns if self.deadline_s is None else round(self.deadline_s * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The controlled procedure of a run: gate, warm-up, window, telemetry. Data, not code.

    Without a `pace` the loop is closed: each inference begins when the one before has ended. The board idles for
    `recorded_idle_s` between the gate and its first inference, and cools for `recorded_cooling_s` after its last one,
    both with telemetry. A run that `is_long` writes down and reports what it has every `report_every_s`. A sweep, and
    nothing else, has a `ramp`: its window ends with it, or after `window.max_s`.
    """

    name: str
    regime: Regime
    gate: Gate
    warm_up: WarmUp
    window: Window
    telemetry_period_s: float = 0.25
    pace: Pace | None = None
    recorded_idle_s: float = 0.0
    recorded_cooling_s: float = 0.0
    report_every_s: float = 60.0
    ramp: Ramp | None = None

    def __post_init__(self) -> None:
        require(is_plain_name(self.name), "name", "a plain name", self.name)
        for name in ("recorded_idle_s", "recorded_cooling_s"):
            require(0 <= getattr(self, name) <= LONGEST_REST_S, name, f"0..{LONGEST_REST_S:g}", getattr(self, name))
        require(0.2 <= self.report_every_s <= 3600, "report_every_s", "0.2..3600", self.report_every_s)
        require(0.05 <= self.telemetry_period_s <= 60, "telemetry_period_s", "0.05..60", self.telemetry_period_s)
        is_sweep = self.regime is Regime.SWEEP
        require(is_sweep is (self.ramp is not None), "ramp", "given for a sweep, and only there", self.ramp)
        require(not is_sweep or self.pace is None, "pace", "none in a sweep", self.pace)
        require(not is_sweep or self.window.segments == 1, "window.segments", "1 in a sweep", self.window.segments)

    @property
    def is_long(self) -> bool:
        """Whether a run is written down and reported on while its window lasts."""
        return self.regime is not Regime.BURST


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """How to invent a variant's inputs: a seed, and shapes for what its signature leaves open."""

    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "0..2**32-1", self.seed)
        for name, shape in self.shapes.items():
            require(all(size >= 1 for size in shape), f"shapes.{name}", "sizes of 1 or more", shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use before it is ended: wall time of load to end of window, resident memory, disk."""

    wall_s: float = 1800.0
    rss_bytes: int | None = None
    journal_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        require(self.wall_s > 0, "wall_s", "more than 0", self.wall_s)
        require(self.rss_bytes is None or self.rss_bytes > 0, "rss_bytes", "more than 0", self.rss_bytes)
        require(self.journal_bytes > 0, "journal_bytes", "more than 0", self.journal_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One attempt at one run.

    `artifact_id` names the folder ``artifacts/<artifact_id>/`` in the agent's home, `main_file` the file in it that
    `runtime` loads. `bundle_hash` is the agent's own, so that status and abort find the same code again. With an
    `evaluation` the run answers a data set in place of warm-up and window, and nothing of it is timed.
    """

    wire_version: int
    run_id: str
    attempt: int
    fence: Fence
    bundle_hash: str
    artifact_id: str
    main_file: str
    runtime: str
    threads: int
    protocol: Protocol
    inputs: Inputs = field(default_factory=Inputs)
    limits: Limits = field(default_factory=Limits)
    runtime_options: Mapping[str, Scalar] = field(default_factory=dict)
    profiling: Profiling | None = None
    evaluation: Evaluation | None = None

    def __post_init__(self) -> None:
        require(self.wire_version >= 1, "wire_version", "1 or more", self.wire_version)
        require(is_plain_name(self.run_id), "run_id", "a plain name", self.run_id)
        require(1 <= self.attempt <= 99, "attempt", "1..99", self.attempt)
        for name in ("bundle_hash", "artifact_id"):
            require(is_hash(getattr(self, name)), name, "a hexadecimal hash", getattr(self, name))
        require(is_relative_name(self.main_file), "main_file", "a relative name", self.main_file)
        require(is_plain_name(self.runtime), "runtime", "a plain name", self.runtime)
        require(1 <= self.threads <= 64, "threads", "1..64", self.threads)
        is_one = self.evaluation is None or self.profiling is None
        require(is_one, "evaluation", "none in a run that is profiled", "both")

    @property
    def folder(self) -> str:
        """Name of the run folder on the board: ``<run>.<attempt>``."""
        return f"{self.run_id}.{self.attempt}"


def at_start_temperature(protocol: Protocol, start_c: float) -> Protocol:
    """The protocol with its gate bound to a start temperature that the study already knows."""
    return dataclasses.replace(protocol, gate=dataclasses.replace(protocol.gate, start_c=start_c, above_idle_c=None))
