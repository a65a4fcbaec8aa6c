"""How long a board's kernel has asked for each clock: cpufreq's `time_in_state`, in 10 ms since the boot.

It is blind to what the firmware does: a board that throttles goes on counting at the clock that was asked for
(Documentation/cpu-freq/cpufreq-stats.rst).
"""

from collections.abc import Sequence

_PER_S = 100


class ClockStats:
    """The time in each of the clocks (hertz) that the kernel lists."""

    def __init__(self, clocks_hz: Sequence[float]) -> None:
        self._spent_s = dict.fromkeys(clocks_hz, 0.0)

    def count(self, requested_hz: float, for_s: float) -> None:
        """So long was this clock asked for; one between two that are listed counts as the nearer."""
        nearest_hz = min(self._spent_s, key=lambda hz: abs(hz - requested_hz))
        self._spent_s[nearest_hz] += for_s

    @property
    def text(self) -> str:
        """The file: a line a clock, in kilohertz."""
        return "".join(f"{round(hz / 1e3)} {int(spent_s * _PER_S)}\n" for hz, spent_s in self._spent_s.items())
