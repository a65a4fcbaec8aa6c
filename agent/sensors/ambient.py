"""The room's temperature, from a thermometer beside the board: the one that board.json names, else a 1-wire DS18B20 or
a hwmon sensor called ambient.

A DS18B20 needs 750 ms for a conversion, and the kernel spends some 15 ms of one core on the bits of its bus (1-wire
slots of 70 us, Maxim 19-7487). So it is read in the background, at most every `PERIOD_S`, and never begun while the
board must be quiet: a burst has the room before and after its window, a sustained run once a minute.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from agent.home import NamedThermometer
from agent.sensors import Sensor, read_number, read_text

PERIOD_S = 10.0
COMMAND_S = 5.0  # a command that takes longer is ended
COLDEST_C, HOTTEST_C = -55.0, 125.0
_POWER_ON_C = 85.0  # what a DS18B20 shows that lost its supply before it converted
_AMBIENT = "ambient"
UNNAMED = NamedThermometer()
Reading = Callable[[], float | None]


class Thermometer:
    """A slow thermometer. Each reading is given once, by the first `read` after it has come.

    Lifecycle: a conversion runs in a thread of its own, that ends with it or with the process.
    """

    def __init__(self, source: str, ask: Reading, first_c: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self._read_room = ask
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
        self._newest_c = self._read_room()


def find_thermometer(root: Path, named: NamedThermometer = UNNAMED) -> Thermometer | None:
    """The thermometer that is named, whether or not there are others; else the first that answers. None: it does not.

    Asking a DS18B20 takes most of a second.
    """
    for source, ask in _candidates(root, named):
        room_c = ask()
        if room_c is not None:
            return Thermometer(source, ask, room_c)
    return None


def read_room_c(path: Path) -> float | None:
    """Degrees from a file in thousandths, None for what no working thermometer of a room says."""
    return _of_a_room(read_number(path, 1e-3))


def ask_room_c(command: Sequence[str]) -> float | None:
    """Degrees that a command prints, None for what no working thermometer of a room says, and for no answer."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S, check=True
        )
        return _of_a_room(float(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _of_a_room(value_c: float | None) -> float | None:
    is_known = value_c is not None and COLDEST_C <= value_c <= HOTTEST_C and value_c != _POWER_ON_C
    return value_c if is_known else None


def _candidates(root: Path, named: NamedThermometer) -> Iterator[tuple[str, Reading]]:
    if named.path is not None:
        yield f"file {named.path}", partial(read_room_c, root / named.path.lstrip("/"))
    elif named.command:
        yield f"command {named.command[0]}", partial(ask_room_c, named.command)
    else:
        for source, path in _found(root):
            yield source, partial(read_room_c, path)


def _found(root: Path) -> Iterator[tuple[str, Path]]:
    for device in sorted((root / "sys/bus/w1/devices").glob("28-*")):
        yield f"1-wire {device.name}", device / "temperature"
    for device in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        is_named = (read_text(device / "name") or "").lower() == _AMBIENT
        for path in sorted(device.glob("temp*_input")):
            label = read_text(path.with_name(path.name.replace("_input", "_label"))) or ""
            if is_named or label.lower() == _AMBIENT:
                yield f"hwmon {device.name} {path.name}", path
