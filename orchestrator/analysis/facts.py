"""What a verdict looks at: one attempt's raw series and records, beside what its study declared.

Times are nanoseconds since the claim. The window lasts from the start of the first counted inference to the
end of the last; the quiet window begins with the first inference of the warm-up. At least one inference was
counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.wire.codec import require
from agent.wire.records import Ended, GatePassed, Loaded
from agent.wire.spec import Protocol, Scalar
from orchestrator.analysis.latency import LatencySummary, summarise
from orchestrator.db.columns import InferenceColumns, TelemetryColumns

HOST = "host"
LEAST_HELD_S = 2.5
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the study asked for; None is not compared."""

    threads: int | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    artifact_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One attempt as the rules see it.

    `environment` holds the facts of `Environment.facts` (governor, clock_limit_hz, threads, runtime,
    artifact_id); a fact that it lacks is not known. `swapped_bytes` is what went to swap in the window,
    where that is known.
    """

    protocol: Protocol
    board_type: str
    inferences: InferenceColumns
    telemetry: TelemetryColumns
    declared: Declared = field(default_factory=Declared)
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    gate: GatePassed | None = None
    loaded: Loaded | None = None
    ended: Ended | None = None
    swapped_bytes: int | None = None

    def __post_init__(self) -> None:
        counted = int(self.inferences.is_counted.sum())
        require(counted > 0, "inferences", "at least one in the window", counted)

    @property
    def summary(self) -> LatencySummary:
        """Latency summary of the counted inferences."""
        return summarise(self.durations_ns)

    @property
    def durations_ns(self) -> npt.NDArray[np.int64]:
        """Durations of the counted inferences."""
        return self.inferences.durations_ns[self.inferences.is_counted]

    @property
    def starts_ns(self) -> npt.NDArray[np.int64]:
        """Starts of the counted inferences."""
        return self.inferences.starts_ns[self.inferences.is_counted]

    @property
    def quiet_from_ns(self) -> int:
        """Start of the quiet window."""
        return int(self.inferences.starts_ns[0])

    @property
    def window_from_ns(self) -> int:
        """Start of the window."""
        return int(self.starts_ns[0])

    @property
    def window_to_ns(self) -> int:
        """End of the window."""
        return int(self.starts_ns[-1] + self.durations_ns[-1])

    @property
    def window_s(self) -> float:
        """Length of the window."""
        return (self.window_to_ns - self.window_from_ns) / 1e9

    @property
    def in_window(self) -> Flags:
        """Which telemetry samples lie in the window."""
        at_ns = self.telemetry.at_ns
        return (at_ns >= self.window_from_ns) & (at_ns <= self.window_to_ns)

    @property
    def held_s(self) -> float:
        """How long a reading stands for what follows: some sources answer only once a second."""
        return max(LEAST_HELD_S, 2 * self.protocol.telemetry_period_s)

    def window_series(self, name: str) -> Floats:
        """A telemetry series within the window, NaN where absent."""
        return self.telemetry.series(name)[self.in_window]

    def gaps_s(self, is_known: Flags) -> tuple[Floats, Floats]:
        """Times before and after each gap between the telemetry samples `is_known` that touches the window.

        The window's own ends stand in where no sample lies before or after it.
        """
        start, end, at_s = self.window_from_ns / 1e9, self.window_to_ns / 1e9, self.telemetry.at_ns[is_known] / 1e9
        before, after = np.append(start, at_s), np.append(at_s, end)
        touches = (after > start) & (before < end)
        return before[touches], after[touches]

    def covered_share(self, is_known: Flags, held_s: float) -> float:
        """The share of the window that is at most `held_s` later than one of the samples `is_known`."""
        before, after = self.gaps_s(is_known)
        start, end = self.window_from_ns / 1e9, self.window_to_ns / 1e9
        uncovered = np.clip(after, start, end) - np.clip(before + held_s, start, end)
        has_any = bool(is_known.any())
        return 1 - float(uncovered.clip(min=0).sum()) / self.window_s if has_any else 0.0

    def bits(self, mask: int) -> Flags:
        """Per telemetry sample of the whole attempt, whether a throttle bit of `mask` is known to be set."""
        throttled = self.telemetry.integers["throttled"]
        is_set: Flags = throttled.is_present & ((throttled.values & mask) != 0)
        return is_set

    @property
    def clock_limit_hz(self) -> float | None:
        """The clock that the board was declared to run at."""
        limit = self.environment.get("clock_limit_hz")
        return float(limit) if isinstance(limit, (int, float)) and limit > 0 else None
