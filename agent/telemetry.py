"""Telemetry of one attempt: sampled in memory, handed out as journal records between the quiet times."""

import time
from collections import deque
from collections.abc import Callable

from agent.protocol import Reading
from agent.sensors import SERIES, Look, SensorSet
from agent.wire.records import Telemetry

CHUNK = 512
_HELD_S = 2.5  # a reading that comes once a second still tells the gate something between two
_RECENT = 4096


class Sampler:
    """Columns of telemetry since the last `drain`, and the readings that the protocol's rules need."""

    def __init__(self, sensors: SensorSet, origin_ns: int, rss_bytes: Callable[[], int | None]) -> None:
        self.sensors = sensors
        self.peak_rss_bytes: int | None = None
        self.readings: deque[Reading] = deque(maxlen=_RECENT)
        self.next_ns = time.monotonic_ns()
        self._period_s = 1.0
        self._origin_ns = origin_ns
        self._rss_bytes = rss_bytes
        self._at_ns: list[int] = []
        self._looks: list[Look] = []
        self._rss: list[int | None] = []
        self._bits: tuple[float, int] | None = None

    def set_period(self, period_s: float) -> None:
        """Look every so often from now on."""
        self._period_s = period_s
        self.next_ns = min(self.next_ns, time.monotonic_ns() + int(period_s * 1e9))

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next sample."""
        return time.monotonic_ns() >= self.next_ns

    @property
    def pending(self) -> int:
        """How many samples wait to be drained."""
        return len(self._at_ns)

    @property
    def latest_rss_bytes(self) -> int | None:
        """Memory of the measuring process at the last look that was not drained yet."""
        return self._rss[-1] if self._rss else None

    def sample(self) -> Reading:
        """Look at every sensor now, and set the time of the next look on the period's grid."""
        now_ns = time.monotonic_ns()
        step_ns = int(self._period_s * 1e9)
        self.next_ns = max(self.next_ns + step_ns, now_ns + step_ns // 2)
        look, rss = self.sensors.look(), self._rss_bytes()
        self._at_ns.append(now_ns - self._origin_ns)
        self._looks.append(look)
        self._rss.append(rss)
        self.peak_rss_bytes = max((value for value in (rss, self.peak_rss_bytes) if value), default=None)
        return self._remember(look, now_ns / 1e9)

    def drain(self) -> list[Telemetry]:
        """Everything since the last drain, as records of at most `CHUNK` samples."""
        records = [self._record(first) for first in range(0, len(self._at_ns), CHUNK)]
        self._at_ns, self._looks, self._rss = [], [], []
        return records

    def _record(self, first: int) -> Telemetry:
        end = first + CHUNK
        looks = self._looks[first:end]
        columns = {name: tuple(getattr(look, name) for look in looks) for name in SERIES}
        return Telemetry(at_ns=tuple(self._at_ns[first:end]), rss_bytes=tuple(self._rss[first:end]), **columns)

    def _remember(self, look: Look, now_s: float) -> Reading:
        if look.throttled is not None:
            self._bits = (now_s, look.throttled)
        held = self._bits is not None and now_s - self._bits[0] <= _HELD_S
        reading = Reading(
            at_s=now_s,
            temperature_c=look.temperature_c,
            throttled=self._bits[1] if held and self._bits else None,
            foreign_cpu=look.foreign_cpu,
        )
        self.readings.append(reading)
        return reading
