"""Runs a command that ends when its supervisor ends, however that comes about: `tether.py MEANS PARENT COMMAND...`.

Standard library only, run as a file without site packages, so that a part costs no second start of ours. The command
takes this process over, so its pid is the part's. Means: `deathsig` asks Linux to kill it with its parent; `watcher`,
for systems without that, leaves a child behind that waits for the end of standard input, whose other end the
supervisor holds.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def main(means: str, parent: int, command: list[str]) -> NoReturn:
    """Become the command, tied to the life of `parent`."""
    if means == "deathsig":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    else:
        _leave_watcher()
    if os.getppid() != parent:
        sys.exit("tether: the supervisor is gone already")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.execv(command[0], command)


def _leave_watcher() -> None:
    part = os.getpid()
    if os.fork():
        return
    os.read(0, 1)
    if os.getppid() == part:  # a part that died of itself is no parent any more, and its pid may be another's
        os.kill(part, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
