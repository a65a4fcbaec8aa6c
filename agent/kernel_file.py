"""Writing one file of the kernel: directly where that is permitted, else through ``sudo -n tee``, and read back.

Paths are made here on the board, of checked names; nothing that came from outside is part of a command line.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.home import Home
from agent.sensors import read_text
from agent.wire.answers import Setting, Way

_TEE = "/usr/bin/tee"
_SUDO_S = 10.0

Write = Callable[[Path, str], None]


def write_directly(path: Path, text: str) -> None:
    """Write a kernel file; raises `OSError`. One without any write bit has nothing behind it that would take it."""
    if not path.stat().st_mode & 0o222:
        raise PermissionError(f"{path.name} is read-only")
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def set_file(home: Home, path: Path, value: str, write: Write = write_directly) -> Setting:
    """Write `value`; what it was before and what it reads afterwards, by which way, and why it is not as wanted."""
    before = read_text(path)
    way, problem = Way.SYSFS, ""
    try:
        write(path, value)
    except OSError as error:
        way, problem = _set_by_sudo(home, path, value, error.strerror or str(error))
    after = read_text(path)
    if after != value and not problem:
        problem = "it was written, and reads otherwise"
    name = f"{path.parent.name}/{path.name}"
    return Setting(name=name, before=before, wanted=value, after=after, way=way, problem=problem)


def _set_by_sudo(home: Home, path: Path, value: str, why_not: str) -> tuple[Way, str]:
    sudo = home.root / "usr/bin/sudo"
    if not os.access(sudo, os.X_OK):
        return Way.NONE, f"written directly: {why_not}; there is no sudo"
    try:
        done = subprocess.run(
            [str(sudo), "-n", _TEE, str(path)],
            input=f"{value}\n".encode(),
            capture_output=True,
            timeout=_SUDO_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Way.NONE, f"written directly: {why_not}; sudo: {error}"[:200]
    if done.returncode == 0:
        return Way.SUDO, ""
    told = done.stderr.decode(errors="replace").strip()[-100:]
    return Way.NONE, f"written directly: {why_not}; sudo without password: {told or done.returncode}"
