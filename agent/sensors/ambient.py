"""The room's temperature, from a thermometer beside the board: a 1-wire DS18B20, or a hwmon sensor called ambient.

A DS18B20 needs 750 ms for a conversion, and the kernel spends some 15 ms of one core on the bits of its bus (1-wire
slots of 70 us, Maxim 19-7487). So it is read in the background, at most every `PERIOD_S`, and never begun while the
board must be quiet: a burst has the room before and after its window, a sustained run once a minute.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.sensors import Sensor, read_number, read_text

PERIOD_S = 10.0
COLDEST_C, HOTTEST_C = -55.0, 125.0
_POWER_ON_C = 85.0  # what a DS18B20 shows that lost its supply before it converted
_AMBIENT = "ambient"


class Thermometer:
    """A slow thermometer. Each reading is given once, by the first `read` after it has come.

    Lifecycle: a conversion runs in a thread of its own, that ends with it or with the process.
    """

    def __init__(self, source: str, path: Path, first_c: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self._path = path
        self._clock = clock
        self._newest_c: float | None = first_c
        self._asked_s = clock()
        self._is_quiet = False
        self._thread: threading.Thread | None = None

    @property
    def sensor(self) -> Sensor[float]:
        """The series of the room's temperature."""
        return Sensor(self.source, self.read)

    def read(self) -> float | None:
        """What has come since the last read; asks again when it is time and the board need not be quiet."""
        newest_c, self._newest_c = self._newest_c, None
        self._ask()
        return newest_c

    def hush(self, is_quiet: bool) -> None:
        """Begin no conversion while quiet; afterwards at once, when it is time."""
        self._is_quiet = is_quiet
        self._ask()

    def wait(self) -> None:
        """Wait for the conversion that is under way, if one is."""
        if self._thread is not None:
            self._thread.join()

    def _ask(self) -> None:
        is_busy = self._thread is not None and self._thread.is_alive()
        if not self._is_quiet and not is_busy and self._clock() >= self._asked_s + PERIOD_S:
            self._asked_s = self._clock()
            self._thread = threading.Thread(target=self._convert, name="thermometer", daemon=True)
            self._thread.start()

    def _convert(self) -> None:
        self._newest_c = read_room_c(self._path)


def find_thermometer(root: Path) -> Thermometer | None:
    """The first thermometer that answers; asking a DS18B20 takes most of a second."""
    for source, path in _candidates(root):
        room_c = read_room_c(path)
        if room_c is not None:
            return Thermometer(source, path, room_c)
    return None


def read_room_c(path: Path) -> float | None:
    """Degrees from a file in thousandths, None for what no working thermometer of a room says."""
    value_c = read_number(path, 1e-3)
    is_known = value_c is not None and COLDEST_C <= value_c <= HOTTEST_C and value_c != _POWER_ON_C
    return value_c if is_known else None


def _candidates(root: Path) -> Iterator[tuple[str, Path]]:
    for device in sorted((root / "sys/bus/w1/devices").glob("28-*")):
        yield f"1-wire {device.name}", device / "temperature"
    for device in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        is_named = (read_text(device / "name") or "").lower() == _AMBIENT
        for path in sorted(device.glob("temp*_input")):
            label = read_text(path.with_name(path.name.replace("_input", "_label"))) or ""
            if is_named or label.lower() == _AMBIENT:
                yield f"hwmon {device.name} {path.name}", path
