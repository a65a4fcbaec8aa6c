"""What a verdict looks at: one attempt's raw series and records, beside what was declared and what earlier runs gave.

Times are nanoseconds since the claim. The window is a union of segments: each lasts from the start of its first
counted inference to the end of its last, its quiet time begins with its warm-up, and gates lie between. A head of the
window that was not yet steady is kept raw and not counted (at most a fifth, and never below the floor). At least one
inference was counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.wire.codec import require
from agent.wire.records import Ended, GatePassed, Loaded, StoppedBy
from agent.wire.spec import Protocol, Regime, Scalar
from orchestrator.analysis.latency import LatencySummary, summarise
from orchestrator.analysis.steadiness import Course, course_of, unsteady_head
from orchestrator.db.columns import InferenceColumns, TelemetryColumns

HOST = "host"
LEAST_HELD_S = 2.5
SETTLED_S = 300.0  # of a long load: what its users will live with
HEAT_FLOOR, SLOW_HEAT_FLOOR, SLOW_NS = 20, 8, 1e9
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the study asked for; None is not compared."""

    threads: int | None = None
    runtime: str | None = None
    artifact_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What earlier runs gave that this one ought to agree with; None where there is none, or it is not known.

    `output_sha256` is the digest that most of the earlier runs of the same variant, inputs, agent, runtime version and
    board type gave, `output_runs` how many gave it. `clock_limit_hz`, `kernel`, `firmware` and `runtime_version` are
    those of the first attempt of the study on this device (the last one: with this runtime). `ambient_low_c` and
    `ambient_high_c` bound the room in the earlier runs of the block.
    """

    output_sha256: str | None = None
    output_runs: int = 0
    clock_limit_hz: float | None = None
    runtime_version: str | None = None
    kernel: str | None = None
    firmware: str | None = None
    ambient_low_c: float | None = None
    ambient_high_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of the window, with the start of the warm-up before it."""

    quiet_from_ns: int
    from_ns: int
    to_ns: int

    @property
    def length_s(self) -> float:
        """How long it lasted, without its warm-up."""
        return (self.to_ns - self.from_ns) / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One attempt as the rules see it.

    `environment` holds the facts of `Environment.facts` (governor, clock_limit_hz, threads, runtime,
    artifact_id); a fact that it lacks is not known. `swapped_bytes` is what went to swap in the window,
    where that is known. `stated_room_c` is the room as somebody said it was; no thermometer gave it.
    """

    protocol: Protocol
    board_type: str
    inferences: InferenceColumns
    telemetry: TelemetryColumns
    declared: Declared = field(default_factory=Declared)
    reference: Reference = field(default_factory=Reference)
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    gate: GatePassed | None = None
    loaded: Loaded | None = None
    ended: Ended | None = None
    swapped_bytes: int | None = None
    stated_room_c: float | None = None

    is_counted: Flags = field(init=False)
    course: Course = field(init=False)
    segments: tuple[Segment, ...] = field(init=False)

    def __post_init__(self) -> None:
        counted = int(self.inferences.is_counted.sum())
        require(counted > 0, "inferences", "at least one in the window", counted)
        object.__setattr__(self, "is_counted", self.inferences.is_counted)
        main = self.inferences.segments == self.longest_segment
        course = course_of(self.inferences.durations_ns[main], self.inferences.is_counted[main])
        object.__setattr__(self, "course", course)
        object.__setattr__(self, "is_counted", self._without_unsteady_head())
        object.__setattr__(self, "segments", tuple(map(self._segment, np.unique(self._counted_segments).tolist())))

    @property
    def summary(self) -> LatencySummary:
        """Latency summary of the counted inferences; of a sustained run, of those begun in its last `SETTLED_S`."""
        return summarise(self.durations_ns[self.starts_ns >= self.headline_from_ns])

    @property
    def headline_from_ns(self) -> int:
        """From when on headline figures are taken: the whole window, or the settled end of a sustained one."""
        if self.protocol.regime is not Regime.SUSTAINED:
            return int(self.starts_ns[0])
        return int(min(self.segments[-1].to_ns - SETTLED_S * 1e9, self.starts_ns[-1]))

    @property
    def durations_ns(self) -> Integers:
        """Durations of the counted inferences."""
        return self.inferences.durations_ns[self.is_counted]

    @property
    def starts_ns(self) -> Integers:
        """Starts of the counted inferences."""
        return self.inferences.starts_ns[self.is_counted]

    @property
    def trimmed(self) -> int:
        """How many inferences of the window's head do not count, because the run was not yet steady."""
        return int(self.inferences.is_counted.sum() - self.is_counted.sum())

    @property
    def longest_segment(self) -> int:
        """Number of the segment that has most of the counted inferences."""
        return int(np.bincount(self._counted_segments).argmax())

    @property
    def longest(self) -> tuple[Integers, Integers]:
        """Starts and durations of the counted inferences of the segment that has most."""
        is_longest = self._counted_segments == self.longest_segment
        return self.starts_ns[is_longest], self.durations_ns[is_longest]

    @property
    def was_heat_limited(self) -> bool:
        """Whether heat ended the window, or cut it into segments."""
        stopped_by = self.ended.stopped_by if self.ended is not None else None
        return stopped_by is StoppedBy.HEAT or len(np.unique(self.inferences.segments)) > 1

    @property
    def floor(self) -> int:
        """The least inferences that the window must have; heat lowers it."""
        asked = self.protocol.window.min_inferences
        if not self.was_heat_limited:
            return asked
        return min(asked, SLOW_HEAT_FLOOR if np.median(self.durations_ns) > SLOW_NS else HEAT_FLOOR)

    @property
    def window_s(self) -> float:
        """Length of the window, all segments together."""
        return sum(segment.length_s for segment in self.segments)

    @property
    def in_window(self) -> Flags:
        """Which telemetry samples lie in the window."""
        at_ns = self.telemetry.at_ns
        is_within = np.zeros(len(at_ns), np.bool_)
        for segment in self.segments:
            is_within |= (at_ns >= segment.from_ns) & (at_ns <= segment.to_ns)
        return is_within

    @property
    def held_s(self) -> float:
        """How long a reading stands for what follows: some sources answer only once a second."""
        return max(LEAST_HELD_S, 2 * self.protocol.telemetry_period_s)

    def window_series(self, name: str) -> Floats:
        """A telemetry series within the window, NaN where absent."""
        return self.telemetry.series(name)[self.in_window]

    def longest_gap_s(self) -> float:
        """The longest time without a telemetry sample that touches the window, the segments' ends standing in."""
        longest = 0.0
        for segment in self.segments:
            before, after = _gaps_s(segment, self.telemetry.at_ns)
            longest = max(longest, float((after - before).max(initial=0.0)))
        return longest

    def covered_share(self, is_known: Flags, held_s: float) -> float:
        """The share of the window that is at most `held_s` later than one of the samples `is_known`."""
        uncovered_s = 0.0
        for segment in self.segments:
            before, after = _gaps_s(segment, self.telemetry.at_ns[is_known])
            start, end = segment.from_ns / 1e9, segment.to_ns / 1e9
            uncovered = np.clip(after, start, end) - np.clip(before + held_s, start, end)
            uncovered_s += float(uncovered.clip(min=0).sum())
        return 1 - uncovered_s / self.window_s if bool(is_known.any()) else 0.0

    def lengths_s(self, is_known: Flags) -> Floats:
        """How long each of these readings of the window stands: to the next or its segment's end, at most `held_s`."""
        at_s = self.telemetry.at_ns[is_known] / 1e9
        ends_s = np.array([segment.to_ns / 1e9 for segment in self.segments])
        own_end_s = ends_s[np.searchsorted(ends_s, at_s).clip(max=len(ends_s) - 1)]
        lengths: Floats = np.minimum(np.append(at_s[1:], np.inf), own_end_s) - at_s
        return lengths.clip(0, self.held_s)

    def bits(self, mask: int) -> Flags:
        """Per telemetry sample of the whole attempt, whether a throttle bit of `mask` is known to be set."""
        throttled = self.telemetry.integers["throttled"]
        is_set: Flags = throttled.is_present & ((throttled.values & mask) != 0)
        return is_set

    @property
    def clock_limit_hz(self) -> float | None:
        """The clock that the study declared: that of its first attempt on the device, else this one's own."""
        declared = self.reference.clock_limit_hz
        limit = self.environment.get("clock_limit_hz") if declared is None else declared
        return float(limit) if isinstance(limit, (int, float)) and limit > 0 else None

    @property
    def _counted_segments(self) -> Integers:
        return self.inferences.segments[self.is_counted]

    def _without_unsteady_head(self) -> Flags:
        inside = np.flatnonzero(self.inferences.is_counted)
        is_whole = self.protocol.is_long or self.protocol.pace is not None
        if is_whole or self.was_heat_limited:
            return self.inferences.is_counted
        head = min(unsteady_head(self.course, self.inferences.is_counted), max(len(inside) - self.floor, 0))
        counted = self.inferences.is_counted.copy()
        counted[inside[:head]] = False
        return counted

    def _segment(self, number: int) -> Segment:
        starts_ns = self.inferences.starts_ns
        own = np.flatnonzero(self.inferences.segments == number)
        counted = own[self.is_counted[own]]
        end_ns = int(starts_ns[counted[-1]] + self.inferences.durations_ns[counted[-1]])
        return Segment(quiet_from_ns=int(starts_ns[own[0]]), from_ns=int(starts_ns[counted[0]]), to_ns=end_ns)


def _gaps_s(segment: Segment, at_ns: Integers) -> tuple[Floats, Floats]:
    """Times before and after each gap between these samples that touches the segment; its own ends are samples too."""
    start, end, at_s = segment.from_ns / 1e9, segment.to_ns / 1e9, at_ns / 1e9
    before, after = np.append(start, at_s), np.append(at_s, end)
    touches = (after > start) & (before < end)
    return before[touches], after[touches]
