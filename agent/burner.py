"""The burner: busy processes that warm a board up to its start temperature, switched without a fork.

A duty between two whole numbers of cores is made of both in turn, from call to call: the die averages over seconds.

Lifecycle: made with nothing running; `set` spawns what is needed and stops or continues it; `end` in any case.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

# A burner must not outlive the agent: it looks for its parent between two short stretches of work.
_CODE = "import os,sys\nwhile os.getppid() == int(sys.argv[1]):\n for _ in range(10**6): pass"


class BurnerProcesses:
    """As many processes as the board has cores, of which `busy` ones are awake."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.busy = 0
        self._owed = 0.0

    @property
    def pids(self) -> list[int]:
        """Processes whose load is not foreign."""
        return [process.pid for process in self._processes]

    def set(self, duty: float) -> None:
        """Keep this share (0..1) of all cores busy from now on; what cannot be kept now is owed to the next call."""
        cores = os.cpu_count() or 1
        wanted = duty * cores + (self._owed if duty > 0 else 0.0)
        busy = min(max(round(wanted), 0), cores)
        self._owed = min(max(wanted - busy, -0.5), 0.5)
        if busy != self.busy:
            self._switch(busy)

    def stand(self) -> int:
        """Stop every process and wait until none runs any more; how long that took, nanoseconds."""
        began_ns, awake = time.monotonic_ns(), self._processes[: self.busy]
        self.set(0.0)
        for process in awake:
            with contextlib.suppress(ChildProcessError):  # it had ended
                os.waitpid(process.pid, os.WUNTRACED)
        return time.monotonic_ns() - began_ns

    def _switch(self, busy: int) -> None:
        while len(self._processes) < busy:
            self._processes.append(_spawn())
        for index, process in enumerate(self._processes):
            process.send_signal(signal.SIGCONT if index < busy else signal.SIGSTOP)
        self.busy = busy

    def end(self) -> None:
        """End every process; may be called twice."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []
        self.busy = 0


def _spawn() -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", _CODE, str(os.getpid())]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
