"""What a paced run says: latency from the due times, missed deadlines, and whether the board holds the rate.

Pure. An inference is due a whole number of periods after the first of its segment's window. The agent skips none: one
that comes late is begun at once, so what a slow one delays shows in those behind it, as it would in a camera's queue.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from agent.wire.spec import Pace
from orchestrator.analysis.latency import LatencySummary, summarise
from orchestrator.db.columns import InferenceColumns

ALLOWED_MISSES = 0.01
CONFIDENCE = 0.95
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class PaceAnswer(enum.Enum):
    """Whether a rate is held: at most `ALLOWED_MISSES` of the deadlines are missed and no backlog grows."""

    HELD = "held"
    NOT_HELD = "not held"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceSummary:
    """Figures of one paced run's windows.

    `offered` are the inferences whose fate is known: those that were done, and those that were still waiting when
    their deadline passed, which are `missed` like those that were done too late. `missed_low` and `missed_high` bound
    the share of misses, each with 95 % confidence. `latency` is of those that were done, from their due time. `busy` is
    the mean service time over the period: above 1 the queue grows for as long as one waits. `backlog` were waiting at
    the end of the longest queue. `late_wake_ns` is how late the median one was begun of those that nothing held up: the
    error of the board's timer, which latency includes; None where each had to wait.
    """

    rate_per_s: float
    deadline_ns: int
    offered: int
    missed: int
    missed_low: float
    missed_high: float
    latency: LatencySummary
    busy: float
    backlog: int
    backlog_grows: bool
    late_wake_ns: float | None

    @property
    def missed_share(self) -> float:
        """Missed deadlines as a share of those offered."""
        return self.missed / self.offered

    @property
    def answer(self) -> PaceAnswer:
        """Whether the rate is held, where the data can tell."""
        if self.backlog_grows or self.missed_low > ALLOWED_MISSES:
            return PaceAnswer.NOT_HELD
        return PaceAnswer.HELD if self.missed_high <= ALLOWED_MISSES else PaceAnswer.CANNOT_TELL


def summarise_pace(inferences: InferenceColumns, pace: Pace) -> PaceSummary:
    """The summary of a paced run; raises `ValueError` when no inference was counted."""
    windows = [_Window(starts, durations, pace) for starts, durations in _windows(inferences)]
    latency_ns = np.concatenate([np.zeros(0, np.int64), *(window.latencies_ns for window in windows)])
    latency = summarise(latency_ns)
    is_missed = latency_ns > pace.deadline_ns
    given_up = sum(window.given_up for window in windows)
    missed = int(is_missed.sum()) + given_up
    missed_low, missed_high = _share_bounds(len(is_missed) + given_up, missed, _correlation_time(is_missed))
    waits = np.concatenate([window.wakes_ns for window in windows])
    return PaceSummary(
        rate_per_s=pace.rate_per_s,
        deadline_ns=pace.deadline_ns,
        offered=len(is_missed) + given_up,
        missed=missed,
        missed_low=missed_low,
        missed_high=missed_high,
        latency=latency,
        busy=sum(float(window.durations_ns.sum()) for window in windows) / latency.samples / pace.period_ns,
        backlog=max(window.backlog for window in windows),
        backlog_grows=any(window.backlog_grows for window in windows),
        late_wake_ns=float(np.median(waits)) if len(waits) else None,
    )


def latencies_from_due(inferences: InferenceColumns, pace: Pace) -> Integers:
    """Nanoseconds from the due time to the end of each counted inference, in order."""
    windows = [_Window(starts, durations, pace).latencies_ns for starts, durations in _windows(inferences)]
    return np.concatenate([np.zeros(0, np.int64), *windows])


class _Window:
    """One segment's window, set beside its due times."""

    def __init__(self, starts_ns: Integers, durations_ns: Integers, pace: Pace) -> None:
        self._pace, self._starts_ns, self.durations_ns = pace, starts_ns, durations_ns
        self._ends_ns = starts_ns + durations_ns
        self._due_ns = starts_ns[0] + np.arange(len(starts_ns)) * np.int64(pace.period_ns)
        self.latencies_ns: Integers = self._ends_ns - self._due_ns

    @property
    def given_up(self) -> int:
        """Inferences that were not done, but whose deadline had passed when the last one ended."""
        known = (self._since_first_ns - self._pace.deadline_ns) // self._pace.period_ns + 1
        return max(0, known - len(self.durations_ns))

    @property
    def wakes_ns(self) -> Integers:
        """How late those were begun that were not held up by the one before them."""
        late_ns: Integers = (self._starts_ns[1:] - self._due_ns[1:])[self._ends_ns[:-1] < self._due_ns[1:]]
        return late_ns

    @property
    def backlog(self) -> int:
        """Inferences that were due but not done when the last one ended."""
        return max(0, self._since_first_ns // self._pace.period_ns + 1 - len(self.durations_ns))

    @property
    def backlog_grows(self) -> bool:
        """Whether more came than could be served, and the queue shows it."""
        return self.backlog > 0 and float(self.durations_ns.mean()) > self._pace.period_ns

    @property
    def _since_first_ns(self) -> int:
        return int(self._ends_ns[-1] - self._starts_ns[0])


def _windows(inferences: InferenceColumns) -> Iterator[tuple[Integers, Integers]]:
    """Starts and durations of each segment's counted inferences."""
    for segment in np.unique(inferences.segments[inferences.is_counted]):
        chosen = inferences.is_counted & (inferences.segments == segment)
        yield inferences.starts_ns[chosen], inferences.durations_ns[chosen]


def _share_bounds(offered: int, missed: int, together: float) -> tuple[float, float]:
    """One-sided bounds of a share (Clopper and Pearson 1934), of trials that come `together` in rows of that length."""
    trials, failures = offered / together, missed / together
    low = special.betaincinv(failures, trials - failures + 1, 1 - CONFIDENCE) if missed else 0.0
    high = special.betaincinv(failures + 1, trials - failures, CONFIDENCE) if missed < offered else 1.0
    return float(low), float(high)


def _correlation_time(is_missed: Flags) -> float:
    """How many misses count as one: they come in rows, because one slow inference delays those behind it.

    The integrated autocorrelation time, its sum cut off where neighbouring pairs turn negative (Geyer 1992).
    """
    centred, count = is_missed - is_missed.mean(), len(is_missed)
    variance = float(centred @ centred)
    if variance == 0:
        return 1.0
    size = 1 << (2 * count - 1).bit_length()
    correlations = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[:count] / variance
    pairs = correlations[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    together = 2 * float(pairs[: ends[0] if len(ends) else len(pairs)].sum()) - 1
    return min(max(together, 1.0), count / 2)
