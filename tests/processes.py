"""Processes that tests end or see end."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended: one that nobody has reaped yet has, and so has one whose pid is another's now."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True
