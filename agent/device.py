"""Facts of the board: what it is, and the state that it is in before a run.

Hardware facts are read under the home's root, process facts from the real host; what cannot be read is left out.
"""

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from agent.home import Home
from agent.machine import is_emulated, uptime_s
from agent.sensors import read_number, read_text
from agent.sensors.firmware import Vcgencmd, find_vcgencmd
from agent.sensors.sysfs import meminfo_bytes
from agent.tuning import is_prepared
from agent.wire.spec import Scalar

# Type field of the new-style revision code (raspberrypi/documentation, revision-codes); the full code names a
# manufacturer and a memory size too, and is never matched.
BOARD_TYPES = {
    0x02: "pi1", 0x03: "pi1", 0x00: "pi1", 0x01: "pi1", 0x04: "pi2", 0x06: "cm1", 0x08: "pi3", 0x09: "pi0", 0x0A: "cm3",
    0x0C: "pi0-w", 0x0D: "pi3+", 0x0E: "pi3+", 0x10: "cm3+", 0x11: "pi4", 0x12: "pi0-2w", 0x13: "pi400", 0x14: "cm4",
    0x15: "cm4s", 0x17: "pi5", 0x18: "cm5", 0x19: "pi500", 0x1A: "cm5",
}  # fmt: skip
HOST = "host"
_NEW_STYLE = 1 << 23
_CPU = "sys/devices/system/cpu/cpu0/cpufreq"


def decode_board_type(revision: str | None) -> str:
    """Group of a board in a ranking from its revision code in hexadecimal; ``host`` for anything that is no Pi."""
    try:
        code = int(revision or "", 16)
    except ValueError:
        return HOST
    if not code & _NEW_STYLE:
        return "pi1"  # old-style codes were only ever given to the first generation
    kind = (code >> 4) & 0xFF
    return BOARD_TYPES.get(kind, f"pi-0x{kind:02x}")


def board_text(root: Path) -> str:
    """What the board calls itself: the device tree's model, else the machine's product name, else its architecture."""
    for place in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        if text := read_text(root / place):
            return text
    product = read_text(root / "sys/class/dmi/id/product_name")
    return f"{product or platform.machine()} host" if product != "" else f"{platform.machine()} host"


def cpuinfo(root: Path, key: str) -> str | None:
    """One line of /proc/cpuinfo (``Revision``, ``Serial``)."""
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def serial(home: Home) -> str | None:
    """The board's serial number, None where it has none."""
    told = home.notes.board.get("serial")
    if told is not None:
        return str(told)
    return cpuinfo(home.root, "Serial") or read_text(home.root / "proc/device-tree/serial-number") or None


def board_type(home: Home) -> str:
    """Group of this board in a ranking."""
    return decode_board_type(cpuinfo(home.root, "Revision"))


def is_simulated(home: Home) -> bool:
    """Whether figures of this board say nothing about a real one: its owner says so, or its processor is emulated."""
    return home.notes.simulated or is_emulated()


def read_facts(home: Home) -> dict[str, Scalar]:
    """Everything that is known, by name; facts of board.json replace what was read."""
    facts: dict[str, Scalar] = {}
    for name, value in _all_facts(home):
        if value is not None:
            facts[name] = value
    return {**facts, **home.notes.board}


def _all_facts(home: Home) -> Iterator[tuple[str, Scalar | None]]:
    root = home.root
    yield from {
        "board": board_text(root),
        "board_type": board_type(home),
        "revision": cpuinfo(root, "Revision"),
        "simulated": is_simulated(home),
        "emulated": is_emulated(),
        "os": _os_name(root),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "firmware": firmware_version(root),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "affinity": affinity(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "governor": read_text(root / _CPU / "scaling_governor"),
        "clock_max_hz": read_number(root / _CPU / "cpuinfo_max_freq", 1e3),
        "clock_min_hz": read_number(root / _CPU / "cpuinfo_min_freq", 1e3),
        "clock_limit_hz": read_number(root / _CPU / "scaling_max_freq", 1e3),
        "clock_floor_hz": read_number(root / _CPU / "scaling_min_freq", 1e3),
        "prepared": is_prepared(home),
        "fan_pwm": _fan_pwm(root),
        "memory_bytes": meminfo_bytes("MemTotal") or _physical_bytes(),
        "swap_total_bytes": meminfo_bytes("SwapTotal"),
        "swap_free_bytes": meminfo_bytes("SwapFree"),
        "zram": bool(list((root / "sys/block").glob("zram*"))),
        "storage": storage(root, home.path),
        "link": link(root),
        "uptime_s": uptime_s(),
    }.items()


def firmware_version(root: Path) -> str | None:
    """The firmware's date and hash as vcgencmd tells them, on one line."""
    program = find_vcgencmd(root)
    text = Vcgencmd(program).ask("version") if program else ""
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())[:200] or None


def affinity() -> str | None:
    """Cores that this process may use, ``0,1,2,3``."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def storage(root: Path, folder: Path) -> str | None:
    """Kind of disk below a folder: sd, nvme, usb or other, by the name of its block device."""
    with contextlib.suppress(OSError):
        device = folder.stat().st_dev
        place = (root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
        names = {"mmcblk": "sd", "nvme": "nvme", "usb": "usb", "vd": "virtual", "loop": "loop"}
        for part in (place.name, str(place)):
            for mark, kind in names.items():
                if part.startswith(mark) or f"/{mark}" in part:
                    return kind
        return place.name if place.exists() else None
    return None


def link(root: Path) -> str | None:
    """How the board is connected: wifi or cable, by its default route."""
    for line in (read_text(Path("/proc/net/route")) or "").splitlines()[1:]:
        name, destination = line.split()[:2]
        if destination == "00000000":
            return "wifi" if (root / "sys/class/net" / name / "wireless").exists() else "cable"
    return None


def _os_name(root: Path) -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', read_text(root / "etc/os-release") or "", re.MULTILINE)
    return found[1] if found else platform.platform(terse=True)


def _fan_pwm(root: Path) -> float | None:
    for device in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if read_text(device / "name") == "pwmfan":
            return read_number(device / "pwm1")
    return None


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
