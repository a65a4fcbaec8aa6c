"""What only the firmware knows: the true ARM clock, the throttle bits, and on a Pi 5 the power of every rail.

Preferred is the property mailbox (an ioctl, no fork), but only where it agrees with the ``vcgencmd`` program; else the
program itself, in the background and at most once a second; else nothing. Source of tags, bits and message layout:
raspberrypi/linux include/soc/bcm2835/raspberrypi-firmware.h and raspberrypi/utils vcgencmd.
"""

import fcntl
import os
import re
import struct
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

_IOCTL = 0xC0086400  # _IOWR(100, 0, char *) on 64 bit
_DONE = 0x80000000
_CLOCK, _THROTTLED, _TEMPERATURE, _GENCMD = 0x00030047, 0x00030046, 0x00030006, 0x00030080
_ARM = 3
_GENCMD_BYTES = 1024
_SAME_CLOCK = 0.05
_SAME_C = 3.0
_PERIOD_S = 1.0
_TIMEOUT_S = 5.0
_FREQUENCY = re.compile(r"frequency\(\d+\)=(\d+)")
_BITS = re.compile(r"throttled=(0x[0-9a-f]+)")
_DEGREES = re.compile(r"temp=(\d+\.?\d*)'C")
_RAIL = re.compile(r"(\w+)_([AV]) (?:current|volt)\(\d+\)=([0-9.]+)[AV]")


class Readings(Protocol):
    """What both ways to the firmware can be compared by."""

    def clock_hz(self) -> float | None:
        """The true ARM clock."""

    def throttled(self) -> int | None:
        """Live and sticky bits as the firmware gives them."""

    def temperature_c(self) -> float | None:
        """The die's temperature."""


class Mailbox:
    """The property mailbox. Lifecycle: open until `close`."""

    source = "firmware mailbox"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next_power_s = 0.0
        self.has_power = parse_power_w(self.gencmd("pmic_read_adc") or "") is not None

    def prepare(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Close the device; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def clock_hz(self) -> float | None:
        """Tag 'measured clock rate' of the ARM cores."""
        answer = self._ask(_CLOCK, struct.pack("<II", _ARM, 0))
        return None if answer is None else float(struct.unpack_from("<I", answer, 4)[0])

    def throttled(self) -> int | None:
        """Tag 'throttled'."""
        answer = self._ask(_THROTTLED, struct.pack("<I", 0))
        return None if answer is None else int(struct.unpack_from("<I", answer)[0])

    def temperature_c(self) -> float | None:
        """Tag 'temperature'."""
        answer = self._ask(_TEMPERATURE, struct.pack("<II", 0, 0))
        return None if answer is None else float(struct.unpack_from("<I", answer, 4)[0]) / 1e3

    def power_w(self) -> float | None:
        """All rails by one text command, once a second."""
        if time.monotonic() < self._next_power_s:
            return None
        self._next_power_s = time.monotonic() + _PERIOD_S
        return parse_power_w(self.gencmd("pmic_read_adc") or "")

    def gencmd(self, command: str) -> str | None:
        """Answer to a vcgencmd command."""
        answer = self._ask(_GENCMD, struct.pack(f"<I{_GENCMD_BYTES - 4}s", 0, command.encode()))
        return None if answer is None else answer[4:].partition(b"\0")[0].decode(errors="replace")

    def _ask(self, tag: int, value: bytes) -> bytes | None:
        size = 24 + len(value)
        message = bytearray(struct.pack("<IIIII", size, 0, tag, len(value), 0) + value + bytes(4))
        try:
            fcntl.ioctl(self._descriptor, _IOCTL, message, True)
        except OSError:
            return None
        return bytes(message[20:-4]) if struct.unpack_from("<I", message, 4)[0] == _DONE else None


class Vcgencmd:
    """The ``vcgencmd`` program, asked in the background once a second."""

    source = "vcgencmd, at most once a second"

    def __init__(self, program: Path) -> None:
        self._program = program
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._answers: dict[str, str] = {}
        self._asked_s = 0.0
        self._commands = ["measure_clock arm", "get_throttled"]
        self.has_power = parse_power_w(self.ask("pmic_read_adc")) is not None
        if self.has_power:
            self._commands.append("pmic_read_adc")

    def prepare(self) -> None:
        """Collect what has come, and ask again when it is time; the very first look waits for its answers."""
        if self._asked_s == 0.0:
            self._answers = {command: self.ask(command) for command in self._commands}
            self._asked_s = time.monotonic()
            return
        self._answers = {command: text for command in list(self._running) if (text := self._collect(command))}
        if time.monotonic() >= self._asked_s + _PERIOD_S and not self._running:
            self._asked_s = time.monotonic()
            self._running = {command: self._start(command) for command in self._commands}

    def clock_hz(self) -> float | None:
        """``measure_clock arm``."""
        return parse_clock_hz(self._answers.get("measure_clock arm", ""))

    def throttled(self) -> int | None:
        """``get_throttled``."""
        return parse_throttled(self._answers.get("get_throttled", ""))

    def power_w(self) -> float | None:
        """``pmic_read_adc``."""
        return parse_power_w(self._answers.get("pmic_read_adc", ""))

    def close(self) -> None:
        """End the programs that have not answered yet; may be called twice."""
        for process in self._running.values():
            process.kill()
            process.communicate()
        self._running.clear()

    def ask(self, command: str) -> str:
        """The answer to one command, waiting for it; empty where there is none."""
        try:
            done = subprocess.run(
                [str(self._program), *command.split()],
                capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    def _start(self, command: str) -> subprocess.Popen[str]:
        argv = [str(self._program), *command.split()]
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def _collect(self, command: str) -> str | None:
        process = self._running[command]
        if process.poll() is None:
            if time.monotonic() < self._asked_s + _TIMEOUT_S:
                return None
            process.kill()
        del self._running[command]
        return process.communicate()[0].strip()


def open_firmware(root: Path) -> Mailbox | Vcgencmd | None:
    """The best way to the firmware that this board has and that proves itself."""
    program = find_vcgencmd(root)
    if program is None:
        return None
    asked = Vcgencmd(program)
    if not asked.ask("get_throttled"):
        return None
    mailbox = _open_mailbox(root)
    return mailbox if mailbox is not None and agrees(mailbox, asked.ask) else asked


def find_vcgencmd(root: Path) -> Path | None:
    """The vcgencmd program under a root."""
    program = root / "usr/bin/vcgencmd"
    return program if os.access(program, os.X_OK) else None


def agrees(mailbox: Readings, ask: Callable[[str], str]) -> bool:
    """Whether the mailbox says what the program says; the clock may move between two looks, so it has three tries."""
    for _ in range(3):
        said = mailbox.clock_hz(), mailbox.throttled(), mailbox.temperature_c()
        told = (
            parse_clock_hz(ask("measure_clock arm")),
            parse_throttled(ask("get_throttled")),
            parse_temperature_c(ask("measure_temp")),
        )
        if None in said or None in told:
            return False
        if _is_same(said, told):
            return True
    return False


def parse_clock_hz(text: str) -> float | None:
    """``frequency(0)=2400033792`` -> hertz; the number in brackets differs by board."""
    found = _FREQUENCY.search(text)
    return float(found[1]) if found else None


def parse_throttled(text: str) -> int | None:
    """``throttled=0x50005`` -> bits."""
    found = _BITS.search(text)
    return int(found[1], 16) if found else None


def parse_temperature_c(text: str) -> float | None:
    """``temp=47.2'C`` -> degrees."""
    found = _DEGREES.search(text)
    return float(found[1]) if found else None


def parse_power_w(text: str) -> float | None:
    """``pmic_read_adc`` -> watts at the 5 V input: the sum over rails, calibrated by a meter (jfikar/RPi5-power)."""
    rails: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for name, unit, value in _RAIL.findall(text):
        rails[unit][name] = float(value)
    pairs = _pairs(rails)
    return round(1.1451 * sum(pairs) + 0.5879, 4) if pairs else None


def _is_same(said: tuple[float | None, ...], told: tuple[float | None, ...]) -> bool:
    clock_hz, bits, die_c = (value or 0.0 for value in said)
    told_clock_hz, told_bits, told_c = (value or 0.0 for value in told)
    is_same_clock = abs(clock_hz - told_clock_hz) <= _SAME_CLOCK * told_clock_hz
    return is_same_clock and bits == told_bits and abs(die_c - told_c) <= _SAME_C


def _pairs(rails: Mapping[str, Mapping[str, float]]) -> list[float]:
    return [amperes * rails["V"][name] for name, amperes in rails["A"].items() if name in rails["V"]]


def _open_mailbox(root: Path) -> Mailbox | None:
    for name in ("vcio", "vcio_gencmd"):
        try:
            return Mailbox(os.open(root / "dev" / name, os.O_RDWR | os.O_CLOEXEC))
        except OSError:
            continue
    return None
