"""The hardware tree of a simulated board: the files that a Pi's kernel shows, and a vcgencmd that reads its
firmware.

What never changes is written once. What changes is overwritten in place by one write where its length stays, else
replaced whole, so that a reader never sees half a number; replacing each time would make some file systems write
to the disk, four times a second, in the quiet window of a real measurement. Units are those of the real files:
milli-Celsius, kilohertz, and throttle bits in hexadecimal without a prefix.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.runtimes.slowed import PACE, PACE_FORM, WORK, WORK_FORM
from orchestrator.simulator.boards import CORES, BoardKind
from orchestrator.simulator.clock_stats import ClockStats
from orchestrator.simulator.fan import FAN_PWM
from orchestrator.simulator.power_chip import pmic_answer
from orchestrator.simulator.thermal import (
    FAN_HYSTERESIS_C,
    FAN_TRIPS_C,
    LIVE_BITS,
    STICKY_SHIFT,
    UNDER_VOLTAGE,
    Silicon,
)

ONE_WIRE = "sys/bus/w1/devices"
CRITICAL_C = 110.0
_ZONE = "sys/class/thermal/thermal_zone0"
_CPUFREQ = Path("sys/devices/system/cpu/cpufreq/policy0")
_FAN_PWM = "sys/class/hwmon/hwmon2/pwm1"
_FAN_STATE = "sys/class/thermal/cooling_device0/cur_state"
_CLEAR = "firmware/clear_throttled"
_VCGENCMD = """#!/bin/sh
# Answers as the firmware of the simulated board does: each answer lies ready under the name of its question.
answers=${0%/usr/bin/vcgencmd}/firmware
case "$1" in get_throttled | measure_temp) question=$1 ;; *) question=$* ;; esac
if [ -z "$question" ] || [ ! -r "$answers/$question" ]; then
    echo 'error=1 error_msg="Command not registered"'
    exit 255
fi
while IFS= read -r line; do printf '%s\\n' "$line"; done <"$answers/$question"
# A word more is a mask of what is to be forgotten of what has occurred.
[ "$1" != get_throttled ] || [ -z "$2" ] || printf '%s\\n' "$2" >"$answers/clear_throttled"
"""
_SETTINGS = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
_SUDO = """#!/bin/sh
# Does as root what a board's sudoers file allows without a password: tee to one file, and nothing else.
[ "$#" = 3 ] && [ "$1 $2" = "-n /usr/bin/tee" ] || { echo "sudo: a password is required" >&2; exit 1; }
case "$3" in */cpufreq/policy0/scaling_*) ;; *) echo "sudo: a password is required" >&2; exit 1 ;; esac
chmod 644 "$3" && cat >"$3" && chmod 444 "$3"
"""
_FIRMWARE_VERSION = "Jan  1 2026 00:00:00 \nCopyright (c) 2012 Broadcom\nversion simulated (clean)\n"
_OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What a board's sensors show at one moment; `room_c` where a thermometer hangs beside it.

    `throttled` are the bits as the firmware has them, `polled` as the kernel has them from its newest question.
    """

    temperature_c: float
    clock_hz: float
    requested_hz: float
    core_volts: float
    throttled: int
    polled: int
    fan_pwm: int
    fan_level: int
    fan_rpm: int
    power_w: float
    room_c: float | None = None


class HardwareTree:
    """The files under `root`; `kind` is the board that they describe."""

    def __init__(self, root: Path, kind: BoardKind, serial: str) -> None:
        self.root = root
        self.kind = kind
        self.serial = serial
        self._shown: dict[str, str] = {}
        self._pace: tuple[float, float] | None = None
        self._clock_stats = self._new_clock_stats()

    def build(self) -> None:
        """Write everything that a booted board shows. Safe to repeat; forgets settings of an earlier boot."""
        for name, text in self._static_files().items():
            self._write(name, text)
        (self.root / "usr/bin/vcgencmd").chmod(0o755)
        links = {"proc/device-tree": "../sys/firmware/devicetree/base"}
        links |= {f"sys/devices/system/cpu/cpu{core}/cpufreq": "../cpufreq/policy0" for core in range(CORES)}
        for name, target in links.items():
            link = self.root / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(target)
        (self.root / PACE).write_bytes(PACE_FORM.pack(1.0, 1.0))
        (self.root / WORK).write_bytes(bytes(WORK_FORM.size))
        (self.root / _CLEAR).unlink(missing_ok=True)
        self._shown.clear()
        self._clock_stats = self._new_clock_stats()
        self._pace = None

    def requested_hz(self, *, is_busy: bool) -> float:
        """The clock that the governor asks for, within scaling_min_freq and scaling_max_freq; a user may write all."""
        silicon = self.kind.silicon
        highest_hz = self._clock_setting("scaling_max_freq", silicon.max_hz)
        governor = self._setting("scaling_governor", "ondemand")
        if governor == "powersave" or (governor != "performance" and not is_busy):
            return min(self._clock_setting("scaling_min_freq", silicon.min_hz), highest_hz)
        return highest_hz

    def show(self, readings: Readings) -> None:
        """Replace every file whose value has changed."""
        for name, text in self._live_files(readings).items():
            shown = self._shown.get(name)
            if shown is not None and shown != text and len(shown) == len(text):
                self._overwrite(name, text.encode())
            elif shown != text:
                self._write(name, text)
            self._shown[name] = text

    def count_clock(self, requested_hz: float, for_s: float) -> None:
        """So long has this clock been asked for."""
        self._clock_stats.count(requested_hz, for_s)

    def written_fan(self) -> int | None:
        """The speed (0..255) that somebody has written since the fan was last shown; None where nobody has."""
        if (pwm := self._written(_FAN_PWM)) is not None:
            return pwm
        state = self._written(_FAN_STATE)
        return None if state is None else FAN_PWM[min(state, len(FAN_PWM) - 1)]

    def take_forgotten_bits(self) -> int:
        """The sticky bits that somebody had the firmware forget since the last call.

        That the word is a mask of the bits below is how the kernel's driver uses it; of `vcgencmd` it is not verified.
        """
        try:
            mask = int((self.root / _CLEAR).read_text(), 0)
            (self.root / _CLEAR).unlink()
        except (OSError, ValueError):
            return 0
        return (mask & LIVE_BITS) << STICKY_SHIFT

    def keep_pace(self, slowdown: float, cores: int) -> None:
        """Slow inference: it takes so many times longer than at the highest clock, on so many cores."""
        if self._pace != (slowdown, cores):
            self._overwrite(PACE, PACE_FORM.pack(slowdown, cores))
            self._pace = (slowdown, cores)

    def told_work(self) -> tuple[float, float, float]:
        """What runs tell of heat that the host's processors do not show, as `agent.runtimes.slowed` says it."""
        told_s, since_s, share = WORK_FORM.unpack((self.root / WORK).read_bytes())
        return told_s, since_s, share

    def _live_files(self, now: Readings) -> Mapping[str, str]:
        milli_c = f"{round(now.temperature_c * 1000)}\n"
        files = {
            "sys/class/thermal/thermal_zone0/temp": milli_c,
            "sys/class/hwmon/hwmon0/temp1_input": milli_c,
            f"{_CPUFREQ}/scaling_cur_freq": f"{round(now.requested_hz / 1e3)}\n",
            f"{_CPUFREQ}/stats/time_in_state": self._clock_stats.text,
            "sys/devices/platform/soc/soc:firmware/get_throttled": f"{now.polled:x}\n",
            "sys/class/hwmon/hwmon1/in0_lcrit_alarm": f"{now.polled >> STICKY_SHIFT & UNDER_VOLTAGE}\n",
            "firmware/measure_temp": f"temp={now.temperature_c:.1f}'C\n",
            "firmware/measure_clock arm": f"frequency({self.kind.clock_id})={round(now.clock_hz)}\n",
            "firmware/measure_volts core": f"volt={now.core_volts:.4f}V\n",
            "firmware/measure_volts": f"volt={now.core_volts:.4f}V\n",
            "firmware/get_throttled": f"throttled=0x{now.throttled:x}\n",
        }
        if now.room_c is not None:
            files[f"{ONE_WIRE}/28-{self.serial[-12:]}/temperature"] = f"{round(now.room_c * 16) * 625 // 10}\n"
        if self.kind.has_power_meter:
            files["firmware/pmic_read_adc"] = pmic_answer(now.power_w, now.core_volts)
        if self.kind.has_fan:
            files[_FAN_PWM] = f"{now.fan_pwm}\n"
            files["sys/class/hwmon/hwmon2/fan1_input"] = f"{now.fan_rpm}\n"
            files[_FAN_STATE] = f"{now.fan_level}\n"
        return files

    def _static_files(self) -> Mapping[str, str]:
        kind, silicon = self.kind, self.kind.silicon
        lowest, highest = f"{round(silicon.min_hz / 1e3)}\n", f"{round(silicon.max_hz / 1e3)}\n"
        files = {
            "sys/firmware/devicetree/base/model": f"{kind.model}\0",
            "sys/firmware/devicetree/base/compatible": "".join(f"{name}\0" for name in kind.compatible),
            "sys/firmware/devicetree/base/serial-number": f"{self.serial}\0",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
            "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
            f"{_CPUFREQ}/cpuinfo_min_freq": lowest,
            f"{_CPUFREQ}/cpuinfo_max_freq": highest,
            f"{_CPUFREQ}/scaling_min_freq": lowest,
            f"{_CPUFREQ}/scaling_max_freq": highest,
            f"{_CPUFREQ}/scaling_governor": "ondemand\n",
            f"{_CPUFREQ}/scaling_available_governors": "ondemand powersave performance\n",
            f"{_CPUFREQ}/scaling_driver": "cpufreq-dt\n",
            f"{_CPUFREQ}/scaling_available_frequencies": _clocks(silicon),
            f"{_CPUFREQ}/related_cpus": " ".join(map(str, range(CORES))) + "\n",
            f"{_ZONE}/trip_point_0_type": "critical\n",
            f"{_ZONE}/trip_point_0_temp": f"{round(CRITICAL_C * 1000)}\n",
            "sys/devices/system/cpu/online": f"0-{CORES - 1}\n",
            "proc/cpuinfo": self._cpuinfo(),
            "etc/os-release": _OS_RELEASE,
            "usr/bin/vcgencmd": _VCGENCMD,
            "firmware/version": _FIRMWARE_VERSION,
        }
        if kind.has_fan:
            files["sys/class/hwmon/hwmon2/name"] = "pwmfan\n"
            files["sys/class/hwmon/hwmon2/pwm1_enable"] = "1\n"
            files["sys/class/thermal/cooling_device0/type"] = "pwm-fan\n"
            files["sys/class/thermal/cooling_device0/max_state"] = f"{len(FAN_TRIPS_C)}\n"
            for number, trip_c in enumerate(FAN_TRIPS_C, start=1):
                files[f"{_ZONE}/trip_point_{number}_type"] = "active\n"
                files[f"{_ZONE}/trip_point_{number}_temp"] = f"{round(trip_c * 1000)}\n"
                files[f"{_ZONE}/trip_point_{number}_hyst"] = f"{round(FAN_HYSTERESIS_C * 1000)}\n"
        return files

    def _cpuinfo(self) -> str:
        kind = self.kind
        core = f"BogoMIPS\t: 108.00\nFeatures\t: {kind.features}\nCPU implementer\t: 0x41\n\n"
        cores = "".join(f"processor\t: {number}\n{core}" for number in range(CORES))
        return f"{cores}Revision\t: {kind.revision}\nSerial\t\t: {self.serial}\nModel\t\t: {kind.model}\n"

    def set_governor(self, name: str) -> None:
        """Be told another governor, as by its owner."""
        self._write(f"{_CPUFREQ}/scaling_governor", f"{name}\n")

    def lock_settings(self, *, with_sudo: bool) -> None:
        """Refuse what a user writes to cpufreq, as a board does whose login is not root; with sudo, let `tee` pass."""
        for name in _SETTINGS:
            (self.root / _CPUFREQ / name).chmod(0o444)
        if with_sudo:
            self._write("usr/bin/sudo", _SUDO)
            (self.root / "usr/bin/sudo").chmod(0o755)

    def _new_clock_stats(self) -> ClockStats:
        return ClockStats([hz for hz, _ in self.kind.silicon.voltage])

    def _written(self, name: str) -> int | None:
        """The whole number in a live file that is not the one that was shown."""
        if (shown := self._shown.get(name)) is None:
            return None
        try:
            text = (self.root / name).read_text().strip()
        except OSError:
            return None
        return int(text) if text != shown.strip() and text.isdecimal() else None

    def _clock_setting(self, name: str, otherwise_hz: float) -> float:
        text = self._setting(name, "")
        asked_hz = float(text) * 1e3 if text.isdigit() else otherwise_hz
        return min(max(asked_hz, self.kind.silicon.min_hz), self.kind.silicon.max_hz)

    def _setting(self, name: str, otherwise: str) -> str:
        try:
            return (self.root / _CPUFREQ / name).read_text().strip()
        except OSError:
            return otherwise

    def _overwrite(self, name: str, content: bytes) -> None:
        descriptor = os.open(self.root / name, os.O_WRONLY)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text)
        draft.replace(path)


def _clocks(silicon: Silicon) -> str:
    """scaling_available_frequencies: the operating points that are known, in kHz."""
    return " ".join(f"{round(hz / 1e3)}" for hz, _ in silicon.voltage) + " \n"
