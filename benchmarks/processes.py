"""Processor time and memory of a process, as finely as the system tells: nanoseconds where there is schedstat."""

import contextlib
from pathlib import Path

import psutil

MB = 10**6


def cpu_s(process: psutil.Process) -> float:
    """Processor time of all threads of a process; that of its children is not in it."""
    files = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    if files:
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def reaped_cpu_s(process: psutil.Process) -> float:
    """Processor time of the children that a process has seen end (Linux; 0 elsewhere)."""
    times = process.cpu_times()
    return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))


def rss_mb(process: psutil.Process) -> float:
    """Resident memory now."""
    return float(process.memory_info().rss / MB)


def peak_rss_mb(process: psutil.Process) -> float:
    """The most resident memory that it ever had (Linux), else what it has now."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024 / MB
    return rss_mb(process)
