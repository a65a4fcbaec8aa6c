"""Time to throttle over repeats: Kaplan-Meier, because a soak that ended unthrottled says only 'later than this'."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from agent.wire.codec import require

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at_s` on: the share still unthrottled, its 95 % interval, and how many were watched just before."""

    at_s: float
    share: float
    low: float
    high: float
    at_risk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """The curve of one condition: 1 before the first step. `events` soaks throttled, `censored` did not."""

    steps: tuple[Step, ...]
    events: int
    censored: int
    watched_s: float

    @property
    def median_s(self) -> float | None:
        """When half of them had throttled; None: not reached."""
        return _first(self.steps, [step.share for step in self.steps])

    @property
    def median_interval_s(self) -> tuple[float | None, float | None]:
        """Where the bands cross one half (Brookmeyer and Crowley, Biometrics 38, 1982); None: not reached."""
        low = _first(self.steps, [step.low for step in self.steps])
        return low, _first(self.steps, [step.high for step in self.steps])


def survival_of(onsets: Sequence[tuple[float, bool]]) -> Survival:
    """The curve of soaks, each by its onset in seconds, or by how long it was watched, and whether it throttled.

    Kaplan and Meier, JASA 53, 1958; variance by Greenwood, interval on the log-log scale, which stays within 0 and 1.
    With one or two soaks the interval is wide and says so. Raises `WireError` unless there is a soak.
    """
    require(len(onsets) > 0, "onsets", "at least one soak", len(onsets))
    steps: list[Step] = []
    share, variance = 1.0, 0.0
    for at_s in sorted({at for at, is_event in onsets if is_event}):
        at_risk = sum(at >= at_s for at, _ in onsets)
        events = sum(is_event and at == at_s for at, is_event in onsets)
        share *= 1 - events / at_risk
        variance = variance + events / (at_risk * (at_risk - events)) if at_risk > events else math.inf
        low, high = _band(share, variance)
        steps.append(Step(at_s=at_s, share=share, low=low, high=high, at_risk=at_risk))
    events = sum(is_event for _, is_event in onsets)
    return Survival(
        steps=tuple(steps), events=events, censored=len(onsets) - events, watched_s=max(at for at, _ in onsets)
    )


def _band(share: float, variance: float) -> tuple[float, float]:
    """Greenwood's interval of log(-log S); not defined at 0, where nothing is left to watch."""
    if share <= 0:
        return 0.0, 0.0
    half = float(special.ndtri((1 + LEVEL) / 2)) * math.sqrt(variance) / abs(math.log(share))
    return share ** math.exp(half), share ** math.exp(-half)


def _first(steps: Sequence[Step], values: Sequence[float]) -> float | None:
    below = np.flatnonzero(np.asarray(values) <= 0.5 + 1e-12)
    return steps[int(below[0])].at_s if len(below) else None
