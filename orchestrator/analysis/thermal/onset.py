"""When throttling began, three times over, and why: by live bits, by the true clock, and by latency.

The three are never merged. They agree where they lie within max(20 s, 3 inferences) of each other; else that is said.
"""

import enum
import itertools
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.bins import bin_medians
from orchestrator.analysis.steadiness import changepoints
from orchestrator.analysis.thermal.curve import HEAT_BITS, SOFT_LIMITED, UNDER_VOLTAGE, Flags, Floats, Soak

CLOCK_SHARE = 0.98
LEAST_LOW_S = 1.0
AGREE_S, AGREE_INFERENCES = 20.0, 3
SLOWER_BY = 0.02
LEVELS = 120
NEAR_LIMIT_C = {"pi3+": 58.5}  # soft limit 60 C; elsewhere 80 C (Raspberry Pi documentation, frequency management)
NEAR_C = 78.0
BUSY_FOREIGN = 0.02


class Cause(enum.Enum):
    """Why a board slowed down."""

    NONE = "it did not slow down"
    THERMAL = "thermal"
    POWER = "power"
    CAP = "cap"
    BACKGROUND = "background"
    UNKNOWN = "unknown"
    DISAGREE = "they disagree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """Seconds from the first inference; None: not seen by then. `known_until_s` is the end of the load.

    `agree` is None where fewer than two saw one. `missing` names what was not read, so that it cannot say anything.
    """

    by_bits_s: float | None
    by_clock_s: float | None
    by_latency_s: float | None
    cause: Cause
    agree: bool | None
    known_until_s: float
    missing: tuple[str, ...]

    @property
    def at_s(self) -> float | None:
        """The firmware's own word, else the clock's; None: right-censored at `known_until_s`."""
        return self.by_bits_s if self.by_bits_s is not None else self.by_clock_s

    @property
    def is_censored(self) -> bool:
        """Whether the board never throttled while it was watched."""
        return self.at_s is None


def onset_of(soak: Soak) -> Onset:
    """When and why a soak slowed down.

    Bits: the first sample under load with a live bit 1, 2 or 3, or 0. Clock: the first of two samples in a row, and of
    a second in total, below 98 % of the highest that ran and of what was asked for. Latency: the first changepoint
    (exact optimal partitioning of log latencies) from which a stretch is over 2 % slower than the fastest one before.
    """
    by_bits, by_clock, by_latency = _by_bits(soak), _by_clock(soak), by_latency_s(soak)
    found = [each for each in (by_bits, by_clock, by_latency) if each is not None]
    within = max(AGREE_S, AGREE_INFERENCES * float(np.median(soak.durations_s)))
    agree = max(found) - min(found) <= within if len(found) > 1 else None
    missing = {"throttled": soak.bits >= 0, "clock_hz": np.isfinite(soak.clock_hz), "die_c": np.isfinite(soak.die_c)}
    return Onset(
        by_bits_s=by_bits,
        by_clock_s=by_clock,
        by_latency_s=by_latency,
        cause=_cause(soak, by_bits, by_clock, by_latency, within),
        agree=agree,
        known_until_s=soak.end_s,
        missing=tuple(name for name, known in missing.items() if not bool(known.any())),
    )


def by_latency_s(soak: Soak) -> float | None:
    """When the latency changed to slower for good or for a while, or None."""
    count = len(soak.durations_s)
    edges = np.unique(np.linspace(0, count, min(count, LEVELS) + 1).astype(np.int64))
    values = bin_medians(np.log(soak.durations_s), edges.tolist())
    if len(values) < 8:
        return None
    cuts = [0, *changepoints(values), len(values)]
    levels = [float(np.median(values[start:end])) for start, end in itertools.pairwise(cuts)]
    for number in range(1, len(levels)):
        if levels[number] > min(levels[:number]) + np.log1p(SLOWER_BY):
            return float(soak.starts_s[edges[cuts[number]]])
    return None


def _by_bits(soak: Soak) -> float | None:
    is_live = soak.is_loaded & (soak.bits >= 0) & ((soak.bits & (HEAT_BITS | UNDER_VOLTAGE)) != 0)
    return float(soak.at_s[np.argmax(is_live)]) if bool(is_live.any()) else None


def _by_clock(soak: Soak) -> float | None:
    is_low = _is_low(soak)
    is_second = np.append(is_low[1:], False) & is_low
    is_long = float(is_low.sum()) * soak.period_s >= LEAST_LOW_S
    return float(soak.at_s[np.argmax(is_second)]) if is_long and bool(is_second.any()) else None


def _is_low(soak: Soak) -> Flags:
    """Which loaded samples ran below 98 % of the top clock."""
    top_hz = soak.top_hz
    if top_hz is None:
        return np.zeros(len(soak.at_s), np.bool_)
    is_low: Flags = soak.is_loaded & (soak.clock_hz < CLOCK_SHARE * top_hz)
    return is_low


def _cause(soak: Soak, by_bits: float | None, by_clock: float | None, by_latency: float | None, within: float) -> Cause:
    """What the evidence around the first sign says. Low clock that was asked for is a cap, not the firmware's doing."""
    signs = [each for each in (by_bits, by_clock, by_latency) if each is not None]
    if not signs:
        return Cause.NONE
    near = (soak.at_s >= min(signs) - within) & (soak.at_s <= min(signs) + 2 * within) & soak.is_loaded
    seen = int(np.bitwise_or.reduce(soak.bits[near & (soak.bits >= 0)], initial=0))
    has_heat_bit = bool(seen & HEAT_BITS)
    hottest = _hottest(soak.die_c[near])
    is_hot = None if hottest is None else hottest >= NEAR_LIMIT_C.get(soak.board_type, NEAR_C)
    if seen & UNDER_VOLTAGE:
        return Cause.DISAGREE if seen & SOFT_LIMITED else Cause.POWER
    if has_heat_bit or by_clock is not None:
        if not has_heat_bit and _was_asked(soak, near):
            return Cause.CAP
        if is_hot is None:
            return Cause.UNKNOWN
        return Cause.THERMAL if is_hot else Cause.DISAGREE
    foreign = soak.foreign_cpu[near]
    is_busy = bool(np.isfinite(foreign).any()) and float(np.nanmean(foreign)) > BUSY_FOREIGN
    return Cause.BACKGROUND if is_busy else Cause.UNKNOWN


def _hottest(temperatures: Floats) -> float | None:
    return float(np.nanmax(temperatures)) if np.isfinite(temperatures).any() else None


def _was_asked(soak: Soak, near: Flags) -> bool:
    """Whether the lowest clocks near are the ones that the kernel asked for."""
    is_low = _is_low(soak) & near & np.isfinite(soak.requested_hz)
    return bool(is_low.any()) and bool((soak.requested_hz[is_low] <= 1.02 * soak.clock_hz[is_low]).mean() > 0.5)
