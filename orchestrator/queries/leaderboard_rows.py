"""What a ranking returns: groups, their rows, and the runs that it left out. No SQL in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What may be ranked together; rank restarts for each. `source` is measured, simulated or published."""

    model: str
    board_type: str
    regime: str
    protocol: str
    input_shape: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRegime:
    """Where the same variant stands in the other regime, on the same model, board type, input shape and source."""

    regime: str
    protocol: str
    rank: int
    tied_with: tuple[str, ...]
    median_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardRow:
    """One variant in one group; the keys of `leaderboard --json`, in its order.

    Intervals are 95 % and null below 2 runs; percentiles are null where n is too small for them. `speedup`
    is the baseline's median over this one's, paired by block where both have the block. `median_ms` is the
    geometric mean of run medians on one board, the median of that over several (`device_median_ms`); `run_cv`
    is the largest spread of runs on a board, as a share, `board_cv` that between the boards' medians; `marks` say
    what a person should know. `p90_ms` and `p99_ms` are median-run percentiles: of each run, put together as
    medians are, p90 with its interval; so is `energy_j`, gross, of the runs in which it was measured. `detectable` is
    the least ratio that would have been told between this row and each other one. `pareto`: whether no other row is at
    least as good in latency, size, the first metric that all rows have, and in peak memory and energy where all have
    them, and better in one of them; null without such a metric.

    What sustained runs of the variant on this type of board say, in whichever regime the row is: `throttles_after_s` is
    when half of them had throttled by heat (Kaplan-Meier), null where that was not reached until
    `throttles_known_until_s`, or where both are null never watched; `sustained_ratio` is the median of their ratios of
    settled to first rate. `flips` are the variants that this one is slower than here and faster than in
    `other_regime`, both beyond doubt.
    """

    group: Group
    rank: int
    tied_with: tuple[str, ...]
    provisional: bool
    model: str
    variant: str
    format: str
    runtime: str
    runtime_version: str
    threads: int
    devices: tuple[str, ...]
    board: str
    simulated: bool
    regime: str
    protocol: str
    runs: int
    samples: int
    median_ms: float
    ci_low_ms: float | None
    ci_high_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    first_ms: float | None
    load_ms: float | None
    throughput_per_s: float
    speedup: float | None
    speedup_ci: tuple[float, float] | None
    metrics: Mapping[str, Mapping[str, Any]]
    size_bytes: int
    peak_rss_bytes: int | None
    energy_j: float | None
    verdicts: Mapping[str, int]
    pareto: bool | None
    run_cv: float | None = None
    marks: tuple[str, ...] = ()
    device_median_ms: Mapping[str, float] = field(default_factory=dict)
    p90_ci_low_ms: float | None = None
    p90_ci_high_ms: float | None = None
    board_cv: float | None = None
    detectable: float | None = None
    throttles_after_s: float | None = None
    throttles_known_until_s: float | None = None
    sustained_ratio: float | None = None
    other_regime: OtherRegime | None = None
    flips: tuple[str, ...] = ()
    energy_ci_low_j: float | None = None
    energy_ci_high_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedRun:
    """A run that the ranking left out, and why."""

    run: str
    study: int
    model: str
    variant: str
    device: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Ranked rows, group by group, and what was left out."""

    rows: tuple[LeaderboardRow, ...]
    excluded: tuple[ExcludedRun, ...]
