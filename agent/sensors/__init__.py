"""What the board can say of itself while it works. Every sensor is optional; an absent one is said, never guessed.

A sensor is a source, as text for the record, and a function that reads it without a fork. The one exception is the
``vcgencmd`` program, which is asked at most once a second, in the background. Hardware paths lie under an injected
root; process facts are always the real host's.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from agent.small_file import read_bytes

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Sensor(Generic[V]):
    """One series: where it comes from, and how to read it now (None where it gives nothing)."""

    source: str
    read: Callable[[], V | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at all sensors; the names are those of `Telemetry`'s columns."""

    temperature_c: float | None = None
    clock_hz: float | None = None
    requested_hz: float | None = None
    throttled: int | None = None
    memory_available_bytes: int | None = None
    foreign_cpu: float | None = None
    fan_rpm: float | None = None
    power_w: float | None = None
    ambient_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSet:
    """The sensors of one board, by the name of their series; those that are not there are missing.

    Lifecycle: `hush` tells slow sensors whether the board must be quiet from now on; `close` ends what reads in the
    background; whoever found the sensors calls it.
    """

    temperature_c: Sensor[float] | None = None
    clock_hz: Sensor[float] | None = None
    requested_hz: Sensor[float] | None = None
    throttled: Sensor[int] | None = None
    memory_available_bytes: Sensor[int] | None = None
    foreign_cpu: Sensor[float] | None = None
    fan_rpm: Sensor[float] | None = None
    power_w: Sensor[float] | None = None
    ambient_c: Sensor[float] | None = None
    prepare: Callable[[], None] = field(default=lambda: None)
    hush: Callable[[bool], None] = field(default=lambda is_quiet: None)
    close: Callable[[], None] = field(default=lambda: None)

    @property
    def sources(self) -> dict[str, str]:
        """Where each series comes from."""
        return {name: sensor.source for name in SERIES if (sensor := getattr(self, name)) is not None}

    @property
    def absent(self) -> tuple[str, ...]:
        """Series that this board cannot give."""
        return tuple(name for name in SERIES if getattr(self, name) is None)

    def look(self) -> Look:
        """Read every sensor once."""
        self.prepare()
        return Look(**{name: sensor.read() for name in SERIES if (sensor := getattr(self, name)) is not None})


SERIES = tuple(Look.__dataclass_fields__)


def read_text(path: Path) -> str | None:
    """A small file's text without the white space or NUL around it, None where it cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return read_bytes(path).decode().strip("\0 \n\t")
    return None


def read_number(path: Path, scale: float = 1.0) -> float | None:
    """A small file's number times `scale`, None where there is none."""
    text = read_text(path)
    try:
        return None if text is None else round(float(text) * scale, 6)
    except ValueError:
        return None
