"""How steady a soak's inferences were: windows, the sustained ratio, and what the true clock did meanwhile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import HEAT_BITS, Floats, Soak
from orchestrator.analysis.thermal.onset import CLOCK_SHARE, Onset

WINDOW_S, WINDOW_INFERENCES = 30.0, 20
LAST_S, FIRST_S = 300.0, (10.0, 60.0)
RESAMPLES = 200
STEADY_MARGIN = 0.01
LEAST_WINDOWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window: when it began and ended in seconds, its inferences, and their median latency in seconds."""

    from_s: float
    to_s: float
    inferences: int
    median_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Rates of windows against each other; 1 is perfectly steady. None: too few windows or inferences to say.

    `stability` is the slow over the fast end (5th over 95th percentile of the windows' rates), `worst_best` the same of
    the extremes, `expected` and `expected_low` what the noise alone would give: median and lower 2.5 %.
    `sustained_ratio` is the rate of the last 300 s over that of 10 s to min(60 s, onset).
    """

    windows: tuple[Window, ...]
    stability: float | None
    worst_best: float | None
    expected: float | None
    expected_low: float | None
    sustained_ratio: float | None
    settled_latency_s: float | None

    @property
    def is_steady(self) -> bool | None:
        """Whether noise explains what there is, or all but 1 %, which would not matter."""
        if self.stability is None or self.expected_low is None:
            return None
        return self.stability >= self.expected_low - STEADY_MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """The share of the loaded time that the true clock stood in each band (Hz, from below), and time throttled in s.

    Time throttled by the bits and by the clock apart; None where that was not read.
    """

    shares: tuple[tuple[float, float], ...] | None
    throttled_by_bits_s: float | None
    throttled_by_clock_s: float | None


def windows_of(soak: Soak) -> tuple[Window, ...]:
    """Windows of at least 30 s and 20 inferences each, in order; a rest that is shorter is left out."""
    found, begin = [], 0
    ends = soak.ends_s
    while begin < len(ends):
        by_time = int(np.searchsorted(ends, soak.starts_s[begin] + WINDOW_S))
        last = max(by_time, begin + WINDOW_INFERENCES - 1)
        if last >= len(ends):
            break
        durations = soak.durations_s[begin : last + 1]
        found.append(
            Window(
                from_s=float(soak.starts_s[begin]),
                to_s=float(ends[last]),
                inferences=len(durations),
                median_s=float(np.median(durations)),
            )
        )
        begin = last + 1
    return tuple(found)


def stability_of(soak: Soak, onset: Onset, seed: int = 0) -> Stability:
    """The stability of one soak; `seed` is that of the shuffles that tell what noise alone gives."""
    windows = windows_of(soak)
    medians = np.array([window.median_s for window in windows])
    is_enough = len(windows) >= LEAST_WINDOWS
    expected = _expected(soak, windows, seed) if is_enough else None
    early, settled = early_durations(soak, onset), settled_durations(soak)
    settled_s = float(np.median(settled)) if len(settled) else None
    return Stability(
        windows=windows,
        stability=_low_over_high(medians) if is_enough else None,
        worst_best=float(medians.min() / medians.max()) if is_enough else None,
        expected=None if expected is None else float(np.median(expected)),
        expected_low=None if expected is None else float(np.quantile(expected, 0.025)),
        sustained_ratio=float(np.median(early)) / settled_s if len(early) and settled_s is not None else None,
        settled_latency_s=settled_s,
    )


def early_durations(soak: Soak, onset: Onset) -> Floats:
    """Durations in seconds of the inferences between 10 s and 60 s of load, or the first sign of throttling."""
    signs = [at for at in (onset.by_bits_s, onset.by_clock_s, onset.by_latency_s) if at is not None]
    return _between(soak, FIRST_S[0], min([FIRST_S[1], *signs]))


def settled_durations(soak: Soak) -> Floats:
    """Durations in seconds of the inferences of the last 300 s; none where the load was shorter."""
    return _between(soak, soak.end_s - LAST_S, soak.end_s) if soak.end_s >= LAST_S else np.empty(0)


def residency_of(soak: Soak, edges_hz: Sequence[float]) -> Residency:
    """How long the true clock stood from each edge up to the next (the last one is open), and how long it throttled."""
    loaded = soak.is_loaded
    weights = np.append(np.diff(soak.at_s), soak.period_s)
    known = loaded & np.isfinite(soak.clock_hz)
    has_bits = loaded & (soak.bits >= 0)
    shares = None
    by_clock_s = None
    if bool(known.any()):
        bounds = [*edges_hz, math.inf]
        filled = np.histogram(soak.clock_hz[known], bounds, weights=weights[known])[0] / weights[known].sum()
        shares = tuple(zip(edges_hz, map(float, filled), strict=True))
        by_clock_s = float(weights[known & (soak.clock_hz < CLOCK_SHARE * (soak.top_hz or 0.0))].sum())
    live = has_bits & ((soak.bits & HEAT_BITS) != 0)
    return Residency(
        shares=shares,
        throttled_by_bits_s=float(weights[live].sum()) if bool(has_bits.any()) else None,
        throttled_by_clock_s=by_clock_s,
    )


def _low_over_high(medians: Floats) -> float:
    fast, slow = np.quantile(medians, (0.05, 0.95))
    return float(fast / slow)


def _expected(soak: Soak, windows: Sequence[Window], seed: int) -> Floats:
    """Stability of windows of the same sizes, filled from the residuals of their own windows' medians, shuffled."""
    rng = np.random.default_rng(seed)
    sizes = [window.inferences for window in windows]
    edges = np.concatenate(([0], np.cumsum(sizes)))
    medians = np.repeat([window.median_s for window in windows], sizes)
    # a window's own median takes one of its degrees of freedom
    ratios = soak.durations_s[: edges[-1]] / medians
    ratios = 1 + (ratios - 1) * math.sqrt(np.median(sizes) / (np.median(sizes) - 1))
    values = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        mixed = rng.choice(ratios, size=min(len(ratios), 4000))
        values[index] = _low_over_high(_window_medians(mixed, sizes))
    return values


def _window_medians(values: Floats, sizes: Sequence[int]) -> Floats:
    """Medians of windows, filled with the mixed inferences in turn; a window that could hold more takes each once."""
    begins = np.cumsum([0, *sizes[:-1]])
    medians: Floats = np.array(
        [
            np.median(values[np.arange(begin, begin + min(size, len(values))) % len(values)])
            for begin, size in zip(begins, sizes, strict=True)
        ]
    )
    return medians


def _between(soak: Soak, from_s: float, to_s: float) -> Floats:
    return soak.durations_s[(soak.starts_s >= from_s) & (soak.ends_s <= to_s)]
