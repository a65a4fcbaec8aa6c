"""Processes by pid and start time, so that a reused pid is never taken for the process that was meant.

Linux reads /proc; elsewhere the ``ps`` program is asked. What cannot be known is None.
"""

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass

from agent.small_file import read_bytes

IS_LINUX = sys.platform == "linux"
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process for good: `started` is its start time as the system writes it."""

    pid: int
    started: str


def identify(pid: int) -> ProcessId | None:
    """The process that has `pid` now, None where there is none or only its remains."""
    started = _start_from_proc(pid) if IS_LINUX else _start_from_ps(pid)
    return None if started is None else ProcessId(pid=pid, started=started)


def myself() -> ProcessId:
    """This process."""
    own = identify(os.getpid())
    return own or ProcessId(pid=os.getpid(), started="unknown")


def is_alive(process: ProcessId) -> bool:
    """Whether that very process still runs."""
    return identify(process.pid) == process


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Signal that very process; False where it is gone or another user's."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def wait_gone(process: ProcessId, *, timeout_s: float) -> bool:
    """Whether that very process ended within the time."""
    give_up = time.monotonic() + timeout_s
    while is_alive(process):
        if time.monotonic() >= give_up:
            return False
        time.sleep(0.02)
    return True


def cpu_s(pid: int) -> float | None:
    """Processor time that a process and its reaped children have used, seconds."""
    fields = _stat_fields(f"/proc/{pid}/stat")
    return None if fields is None else sum(map(int, fields[11:15])) * _TICK_S


def rss_bytes(pid: int) -> int | None:
    """Resident memory of a process, None where it is gone."""
    if IS_LINUX:
        with contextlib.suppress(OSError, IndexError, ValueError):
            return int(read_bytes(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES or None
        return None
    text = _ask_ps(pid, "rss")
    return int(text) * 1024 if text is not None and text.isdigit() else None


def _stat_fields(stat: str) -> list[bytes] | None:
    # The name stands in brackets and may hold anything; the fields after it start with the state (field 3).
    try:
        return read_bytes(stat).rpartition(b")")[2].split()
    except OSError:
        return None


def _start_from_proc(pid: int) -> str | None:
    # By its first thread, which started with it: qemu-user invents /proc/PID/stat for a process that asks after itself,
    # with another start than everyone else sees.
    fields = _stat_fields(f"/proc/{pid}/task/{pid}/stat")
    if not fields or fields[0] in (b"Z", b"X"):
        return None
    return fields[19].decode()


def _start_from_ps(pid: int) -> str | None:
    text = _ask_ps(pid, "stat", "lstart")
    return None if text is None or text.startswith("Z") else text.partition(" ")[2].strip()


def _ask_ps(pid: int, *columns: str) -> str | None:
    import subprocess  # slow to import, and only needed where there is no /proc

    # Start times are compared as texts, between sessions that may differ in language and time zone.
    argv = ["/usr/bin/env", "LC_ALL=C", "TZ=UTC", "ps", "-p", str(pid)]
    for column in columns:
        argv += ["-o", f"{column}="]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
