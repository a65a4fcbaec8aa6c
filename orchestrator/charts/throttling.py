"""When which live throttle bit was set, as spans of time.

The bits are those of `vcgencmd get_throttled`: 0 to 3 are live, 16 to 19 remember since boot and are not shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LIVE_BITS = {
    0: "under-voltage",
    1: "clock capped",
    2: "throttled",
    3: "soft limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in which one live bit was set."""

    bit: str
    from_s: float
    to_s: float


def live_spans(at_s: Floats, throttled: Floats) -> tuple[Span, ...]:
    """Every span of every live bit, bit by bit. A span lasts until the first sample that no longer shows it."""
    return tuple(
        Span(bit=name, from_s=from_s, to_s=to_s)
        for bit, name in LIVE_BITS.items()
        for from_s, to_s in _spans(at_s, _is_set(throttled, bit))
    )


def _is_set(throttled: Floats, bit: int) -> npt.NDArray[np.bool_]:
    known = np.nan_to_num(throttled, nan=0.0).astype(np.int64)
    is_set: npt.NDArray[np.bool_] = (known >> bit) & 1 == 1
    return is_set


def _spans(at_s: Floats, is_set: npt.NDArray[np.bool_]) -> Iterator[tuple[float, float]]:
    changes = np.diff(np.concatenate(([False], is_set, [False])).astype(np.int8))
    period_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else 0.0
    ends_s = np.append(at_s, at_s[-1] + period_s if len(at_s) else 0.0)
    for first, after in zip(np.flatnonzero(changes == 1), np.flatnonzero(changes == -1), strict=True):
        yield float(at_s[first]), float(ends_s[after])
