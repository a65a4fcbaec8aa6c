"""Foreign load: the share of all cores that others use, from the kernel's counters.

``/proc/stat`` counts in ticks of 10 ms and own processor time is exact to one tick, so a single value over a quarter of
a second is coarse and may be slightly negative. Values are not clamped: means stay unbiased.
"""

import os
import time
from collections.abc import Callable, Iterable

from agent.processes import cpu_s
from agent.sensors import Sensor
from agent.small_file import read_bytes

_STAT = "/proc/stat"
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


class ForeignLoad:
    """Difference between two looks at the counters; `own_pids` gives the processes that are not foreign."""

    def __init__(self, own_pids: Callable[[], Iterable[int]]) -> None:
        self._own_pids = own_pids
        self._before: tuple[float, float, float] | None = None

    def read(self) -> float | None:
        """Share used by others since the read before, None on the first."""
        busy_s = busy_cpu_s()
        if busy_s is None:
            return None
        own_s = sum(cpu_s(pid) or 0.0 for pid in self._own_pids())
        now_s = time.monotonic()
        before, self._before = self._before, (now_s, busy_s, own_s)
        if before is None or now_s - before[0] < _TICK_S:
            return None
        foreign_s = (busy_s - before[1]) - (own_s - before[2])
        return round(foreign_s / (now_s - before[0]) / CORES, 5)


def find_foreign_load(own_pids: Callable[[], Iterable[int]]) -> Sensor[float] | None:
    """The foreign load, where the kernel counts."""
    return None if busy_cpu_s() is None else Sensor("/proc/stat", ForeignLoad(own_pids).read)


def busy_cpu_s() -> float | None:
    """Time that all cores together were busy since boot: all but idle and waiting for disks; guests are in user."""
    try:
        first_line = read_bytes(_STAT).split(maxsplit=9)
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first_line[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) * _TICK_S


def tick_share(window_s: float) -> float:
    """What two ticks are worth as a share of all cores over a window: less cannot be told from nothing."""
    return 2 * _TICK_S / (CORES * max(window_s, _TICK_S))
