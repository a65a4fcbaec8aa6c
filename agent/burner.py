"""The burner: busy processes that warm a board up to its start temperature, switched without a fork.

Lifecycle: made with nothing running; `set` spawns what is needed and stops or continues it; `end` in any case.
"""

import os
import signal
import subprocess
import sys

from agent.gatekeeper import Burner

# A burner must not outlive the agent: it looks for its parent between two short stretches of work.
_CODE = "import os,sys\nwhile os.getppid() == int(sys.argv[1]):\n for _ in range(10**6): pass"


class BurnerProcesses:
    """As many busy processes as the board has cores."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._level = Burner.OFF

    @property
    def pids(self) -> list[int]:
        """Processes whose load is not foreign."""
        return [process.pid for process in self._processes]

    def set(self, level: Burner) -> None:
        """Burn at a level from now on."""
        if level is self._level:
            return
        cores = os.cpu_count() or 1
        busy = {Burner.OFF: 0, Burner.LOW: 1, Burner.HIGH: cores}[level]
        while len(self._processes) < busy:
            self._processes.append(_spawn())
        for index, process in enumerate(self._processes):
            process.send_signal(signal.SIGCONT if index < busy else signal.SIGSTOP)
        self._level = level

    def end(self) -> None:
        """End every process; may be called twice."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []
        self._level = Burner.OFF


def _spawn() -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", _CODE, str(os.getpid())]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
