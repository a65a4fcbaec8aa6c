"""`examine`: what disturbs this board or could, for the doctor alone. Takes seconds, so a run is never examined.

Hardware is read under the home's root, processes are the real host's. Nothing needs root, and nothing changes: a fan
is only told again what it is told already, to see whether it could be steered. What others may have named (processes,
timers) is cut to plain letters before it leaves the board.
"""

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.fan import SteeredFan
from agent.home import Home
from agent.sensors import read_number, read_text
from agent.sensors.firmware import Vcgencmd, find_vcgencmd, parse_throttled
from agent.sensors.sysfs import find_temperature
from agent.wire.answers import MAX_EXAMINED, BusyProcess, Examined, Timer
from agent.wire.spec import Scalar

WATCH_S = 3.0
LEAST_CORES = 0.02
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_SERVICES = ("cron", "systemd-timesyncd", "chrony", "unattended-upgrades", "packagekit")
_SYSTEMCTL_S = 10.0
_MOST_BYTES = 256 * 1024
_INPUT_VOLTS = re.compile(r"EXT5V_V volt\(\d+\)=(\d+\.\d+)V")
_UNPLAIN = re.compile(r"[^A-Za-z0-9_.:@/+-]")
_MOST_TIMER_S = 10 * 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    name: str
    cpu_s: float


def examine(home: Home, *, watch_s: float = WATCH_S) -> Examined:
    """Look at everything once, and at other processes for `watch_s`."""
    facts = {name: value for name, value in _facts(home.root) if value is not None} | SteeredFan(home).find()
    busy = _busy_processes(Path("/proc"), watch_s)
    timers = _timers(home.root)
    looked = {"other load": busy is not None, "timers": timers is not None, **{name: name in facts for name in _SOUGHT}}
    return Examined(
        facts=facts,
        busy=tuple(busy or ())[:MAX_EXAMINED],
        timers=tuple(timers or ())[:MAX_EXAMINED],
        absent=tuple(name for name, is_there in looked.items() if not is_there),
    )


_SOUGHT = ("throttled", "low_voltage_alarm", "temperature_c", "services")


def _facts(root: Path) -> Iterator[tuple[str, Scalar | None]]:
    program = find_vcgencmd(root)
    firmware = Vcgencmd(program) if program is not None else None
    yield "throttled", parse_throttled(firmware.ask("get_throttled")) if firmware is not None else None
    volts = _INPUT_VOLTS.search(firmware.ask("pmic_read_adc")) if firmware is not None else None
    yield "input_volts", float(volts[1]) if volts else None
    voltage = _hwmon(root, "rpi_volt")
    yield "low_voltage_alarm", read_number(voltage / "in0_lcrit_alarm") if voltage is not None else None
    thermometer = find_temperature(root)
    yield "temperature_c", thermometer.read() if thermometer is not None else None
    fan = _hwmon(root, "pwmfan")
    yield "fan_present", fan is not None
    yield "fan_rpm", read_number(fan / "fan1_input") if fan is not None else None
    yield "services", _services(root)


def _hwmon(root: Path, name: str) -> Path | None:
    devices = sorted((root / "sys/class/hwmon").glob("hwmon*"))
    return next((device for device in devices if read_text(device / "name") == name), None)


def _services(root: Path) -> str | None:
    told = _systemctl(root, "is-active", *_SERVICES)
    states = told.split() if told is not None else []
    if len(states) != len(_SERVICES):
        return None
    return ", ".join(name for name, state in zip(_SERVICES, states, strict=True) if state == "active")


def _timers(root: Path) -> Sequence[Timer] | None:
    """The timers that systemd would fire, soonest first."""
    told = _systemctl(root, "list-timers", "--output=json")
    try:
        rows = json.loads(told or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    timers = [_timer(row) for row in rows[: 10 * MAX_EXAMINED] if isinstance(row, dict)]
    return sorted(timers, key=lambda timer: (timer.next_in_s is None, timer.next_in_s or 0.0))


def _timer(row: Mapping[str, object]) -> Timer:
    next_us = row.get("next")
    next_in_s = next_us / 1e6 - time.time() if isinstance(next_us, int) and 0 < next_us < 2**63 else None
    if next_in_s is not None and not 0 <= next_in_s <= _MOST_TIMER_S:
        next_in_s = None
    return Timer(name=plain(str(row.get("unit", ""))), next_in_s=next_in_s and round(next_in_s))


def _systemctl(root: Path, *words: str) -> str | None:
    program = root / "usr/bin/systemctl"
    if not os.access(program, os.X_OK):
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [str(program), *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=_SYSTEMCTL_S, check=False
        )
        return done.stdout[:_MOST_BYTES].decode(errors="replace")
    return None


def _busy_processes(proc: Path, watch_s: float) -> Sequence[BusyProcess] | None:
    before = _used(proc)
    if not before:
        return None
    started_s = time.monotonic()
    time.sleep(watch_s)
    passed_s = time.monotonic() - started_s
    cores: dict[str, float] = {}
    for pid, used in _used(proc).items():
        earlier = before.get(pid)
        spent_s = used.cpu_s - (earlier.cpu_s if earlier is not None and earlier.cpu_s <= used.cpu_s else 0.0)
        cores[used.name] = cores.get(used.name, 0.0) + spent_s / passed_s
    busiest = sorted(cores.items(), key=lambda item: (-item[1], item[0]))
    return [BusyProcess(name=name, cores=round(share, 3)) for name, share in busiest if share >= LEAST_CORES][:5]


def _used(proc: Path) -> Mapping[int, _Used]:
    """Processor time of every process but this one, by pid."""
    found: dict[int, _Used] = {}
    for path in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            head, _, rest = (path / "stat").read_bytes().decode(errors="replace").rpartition(")")
            pid, fields = int(path.name), rest.split()
            if pid != os.getpid():
                name = plain(head.partition("(")[2])[:15]
                found[pid] = _Used(name=name, cpu_s=(int(fields[11]) + int(fields[12])) * _TICK_S)
    return found


def plain(text: str) -> str:
    """A foreign name cut to letters that mean nothing to a terminal, a shell or a page."""
    return _UNPLAIN.sub("?", text)[:64] or "?"
