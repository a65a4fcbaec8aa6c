"""Processes that tests end or see end."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended; one that nobody has reaped yet has, which may take its parent seconds."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
