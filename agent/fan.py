"""The board's fan while a sweep leads its die: off to heat, full to cool, and afterwards as its owner had it.

One file of one fan is written, with a whole number between 0 and its highest: `pwm1` of the hwmon device ``pwmfan``,
else `cur_state` of a cooling device that is a fan. `pwm1_enable` is left alone: of that driver it says only what comes
of 0 (Documentation/hwmon/pwm-fan.rst). The kernel's thermal governor stays on. It writes the fan whenever the die
crosses a trip point, which is set right with the next reading, and it turns a fan on again that nobody gives back.

What was there lies in ``fan.json`` in the home before anything is changed. Should the agent be killed, whoever speaks
to the board next gives the fan back (`give_back`). A reboot forgets what was set, and so is the file forgotten then.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.home import FAN_KEPT, Home, write_whole
from agent.kernel_file import Write, set_file, write_directly
from agent.machine import boot_id
from agent.processes import ProcessId, is_alive, myself
from agent.sensors import read_number, read_text
from agent.wire.answers import Way
from agent.wire.codec import WireError, dumps, loads, require
from agent.wire.spec import Scalar

STEERED, FIXED = "fan_steering", "fan_fixed"
MOST_PWM = 255
_FAN_TYPES = ("pwm-fan", "gpio-fan", "rpi-poe-fan")
_FILE = re.compile(r"sys/class/(?:hwmon/hwmon\d{1,4}/pwm1|thermal/cooling_device\d{1,4}/cur_state)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FanFile:
    """What a fan is steered by: the file below the root of hardware paths, and its highest value."""

    name: str
    most: int

    def __post_init__(self) -> None:
        require(_FILE.fullmatch(self.name) is not None, "name", "pwm1 or cur_state of a fan", self.name)
        require(1 <= self.most <= MOST_PWM, "most", f"1..{MOST_PWM}", self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``fan.json``: what `file` held before it was changed, in which boot and by whom."""

    file: FanFile
    value: int
    boot_id: str
    by: ProcessId

    def __post_init__(self) -> None:
        require(0 <= self.value <= self.file.most, "value", f"0..{self.file.most}", self.value)


class SteeredFan:
    """The fan that a sweep steers; where there is none that may be written, every call does nothing.

    Lifecycle: `find` before the gate, `take` before the first `set`, `give_back` in any case.
    """

    def __init__(self, home: Home, write: Write = write_directly) -> None:
        self._home, self._write = home, write
        self._file: FanFile | None = None

    def find(self) -> dict[str, Scalar]:
        """Look for a fan, and prove that it can be steered by writing what it is set to already.

        As a fact, by which file and which way it can (`STEERED`), or why not (`FIXED`); empty without a fan.
        """
        why_not: dict[str, Scalar] = {}
        for file in _fan_files(self._home.root):
            path, value = self._home.root / file.name, _value(self._home.root, file)
            tried = set_file(self._home, path, str(value), self._write) if value is not None else None
            if tried is not None and tried.way is not Way.NONE:
                self._file = file
                return {STEERED: f"{tried.name}, by {tried.way.value}"}
            problem = "it does not tell what it is set to" if tried is None else tried.problem
            why_not = why_not or {FIXED: f"{path.parent.name}/{path.name}: {problem}"}
        return why_not

    def take(self) -> None:
        """Keep what is there, durably; a fan whose state cannot be kept is not steered."""
        value = None if self._file is None else _value(self._home.root, self._file)
        if self._file is None or value is None:
            self._file = None
            return
        kept = Kept(file=self._file, value=value, boot_id=boot_id(self._home), by=myself())
        try:
            write_whole(self._home.path / FAN_KEPT, dumps(kept))
        except OSError:
            self._file = None

    def set(self, share: float) -> None:
        """Turn at this share (0..1) of full speed from now on. A fan that does not take it is steered no more."""
        if self._file is None:
            return
        path, value = self._home.root / self._file.name, str(round(share * self._file.most))
        if read_text(path) != value and not set_file(self._home, path, value, self._write).is_verified:
            self._file = None

    def give_back(self) -> None:
        """Put back what was there; may be called twice. What is not put back now is kept for the next contact."""
        _put_back(self._home, self._write)


def give_back(home: Home) -> None:
    """Put back the fan of a sweep whose agent was killed; nothing while it lives."""
    kept = _read_kept(home)
    if kept is None or not is_alive(kept.by) or kept.boot_id != boot_id(home):
        _put_back(home, write_directly)


def _put_back(home: Home, write: Write) -> None:
    kept = _read_kept(home)
    if kept is not None and kept.boot_id == boot_id(home):
        path = home.root / kept.file.name
        if not set_file(home, path, str(kept.value), write).is_verified and path.exists():
            return
    with contextlib.suppress(OSError):
        (home.path / FAN_KEPT).unlink(missing_ok=True)


def _read_kept(home: Home) -> Kept | None:
    try:
        return loads(Kept, (home.path / FAN_KEPT).read_bytes())
    except (OSError, WireError):
        return None


def _fan_files(root: Path) -> Iterator[FanFile]:
    for device in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if read_text(device / "name") == "pwmfan" and (device / "pwm1").exists():
            yield from _file(root, device / "pwm1", MOST_PWM)
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        if read_text(device / "type") in _FAN_TYPES:
            yield from _file(root, device / "cur_state", read_number(device / "max_state"))


def _file(root: Path, path: Path, most: float | None) -> Iterator[FanFile]:
    with contextlib.suppress(WireError):
        yield FanFile(name=path.relative_to(root).as_posix(), most=int(most or 0))


def _value(root: Path, file: FanFile) -> int | None:
    value = read_number(root / file.name)
    return int(value) if value is not None and 0 <= value <= file.most else None
