"""Somebody else who uses a simulated board: real processes of the host that do nothing but run."""

import shlex
import subprocess
import sys
from collections.abc import Callable

LONGEST_S = 120.0
_BUSY = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
_PATIENCE_S = 5.0


class Guests:
    """The guests of one board; `argv` makes of a shell command what runs it there.

    Lifecycle: `keep` with every tick; `leave` ends them all. One that nobody ends does so after `LONGEST_S`.
    """

    def __init__(self, argv: Callable[[str], list[str]]) -> None:
        self._argv = argv
        self._passing: list[subprocess.Popen[bytes]] = []
        self._staying: list[subprocess.Popen[bytes]] = []

    def come(self, cores: int, seconds: float) -> None:
        """Use so many cores for so long."""
        self._passing += [self._run(seconds) for _ in range(cores)]

    def keep(self, cores: int) -> None:
        """Besides, use so many cores until the next call says otherwise."""
        self._passing = [process for process in self._passing if process.poll() is None]
        self._staying = [process for process in self._staying if process.poll() is None]
        _end(self._staying[cores:])
        self._staying = self._staying[:cores]
        self._staying += [self._run(LONGEST_S) for _ in range(cores - len(self._staying))]

    def leave(self) -> None:
        """End all of them now."""
        _end([*self._passing, *self._staying])
        self._passing, self._staying = [], []

    def _run(self, seconds: float) -> subprocess.Popen[bytes]:
        busy = shlex.join([sys.executable, "-c", _BUSY, str(min(seconds, LONGEST_S))])
        return subprocess.Popen(self._argv(f"exec {busy}"), stdin=subprocess.DEVNULL, start_new_session=True)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait(_PATIENCE_S)
