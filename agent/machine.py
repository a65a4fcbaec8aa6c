"""Which machine and which boot this is. Process facts: always the real host's, never the injected root's."""

import os
import platform
import sys
import time
from pathlib import Path

from agent.home import Home
from agent.sensors import read_text

# The machine that the kernel was built for (Linux 6.1); an emulator of user programs does not disguise it.
_KERNEL_MACHINE = Path("/proc/sys/kernel/arch")


def boot_id(home: Home) -> str:
    """An id that changes with every boot; ``board.boot_id`` of board.json replaces it on a simulated board."""
    told = home.notes.board.get("boot_id")
    if told is not None:
        return str(told)
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _sysctl("kern.bootsessionuuid") or _sysctl("kern.boottime") or "unknown"


def machine_id() -> str:
    """An id of the machine that computes, the same for every board that it simulates."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text:
            return text
    return _sysctl("kern.uuid") or "unknown"


def is_emulated(kernel_machine: Path = _KERNEL_MACHINE) -> bool:
    """Whether the kernel runs on another kind of processor than this program sees, as under qemu-user."""
    told = read_text(kernel_machine) or platform.machine()
    return processor_family(told) != processor_family(platform.machine())


def processor_family(machine: str) -> str:
    """``arm`` or ``x86``, whose kernels run programs of 32 bits too; another machine is its own family."""
    if machine.startswith(("arm", "aarch64")):
        return "arm"
    return "x86" if machine in ("x86_64", "i386", "i486", "i586", "i686") else machine


def swapped_out_bytes() -> int | None:
    """What the kernel has moved to swap since boot; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    pages = next((line.split()[1] for line in lines if line.startswith("pswpout ")), None)
    return None if pages is None else int(pages) * os.sysconf("SC_PAGE_SIZE")


def uptime_s() -> float | None:
    """Seconds since boot, time asleep included."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    text = _sysctl("kern.boottime")  # { sec = 1700000000, usec = 0 } ...
    digits = text.partition("sec = ")[2].partition(",")[0] if text else ""
    return time.time() - int(digits) if digits.isdigit() else None


def _sysctl(name: str) -> str | None:
    if sys.platform == "linux":
        return None
    import subprocess  # slow to import, and only needed where there is no /proc

    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
