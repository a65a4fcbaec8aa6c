"""One process of the farm: started again when it dies, ever later when it dies at once again and again.

Lifecycle: made with its command, `look_after` again and again, then `ask_to_end` and, if that takes too long, `end`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.events import log
from orchestrator.supervisor import tether
from orchestrator.supervisor.rotation import LogFile
from orchestrator.supervisor.state import PartState

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
KEEPS_DYING = 3
MEANS = "deathsig" if sys.platform == "linux" else "watcher"

Start = Callable[[], "subprocess.Popen[bytes]"]


@dataclass(kw_only=True)
class Part:
    """A process and how to start it. A life shorter than `STEADY_S` doubles the pause before the next."""

    name: str
    start: Start
    clock: Callable[[], float] = time.monotonic
    process: "subprocess.Popen[bytes] | None" = None
    restarts: int = 0
    short_lives: int = 0
    last_end: str = ""
    _start_at_s: float = 0.0
    _started_at_s: float = 0.0
    _since_s: float = field(default_factory=time.time)

    def look_after(self) -> bool:
        """Notice a death, start what is due; whether anything changed."""
        now_s = self.clock()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return False
            self._note_death(code, now_s)
        elif now_s >= self._start_at_s:
            self.process, self._started_at_s, self._since_s = self.start(), now_s, time.time()
        else:
            return False
        return True

    def state(self) -> PartState:
        """What others may know of it."""
        return PartState(
            name=self.name,
            pid=None if self.process is None else self.process.pid,
            since_s=self._since_s,
            restarts=self.restarts,
            keeps_dying=self.short_lives >= KEEPS_DYING,
            last_end=self.last_end,
        )

    def ask_to_end(self) -> None:
        """Let the process finish what it has in hand and leave."""
        if self.process is not None:
            self.process.terminate()

    def has_ended(self) -> bool:
        """Whether nothing of it runs."""
        return self.process is None or self.process.poll() is not None

    def end(self) -> None:
        """End the process at once, if it still runs."""
        if self.process is None:
            return
        if not self.has_ended():
            log.warning("part ended by force", part=self.name)
            self.process.kill()
        self._let_go()

    def _note_death(self, code: int, now_s: float) -> None:
        lived_s = now_s - self._started_at_s
        self.short_lives = 0 if lived_s >= STEADY_S else self.short_lives + 1
        pause_s = 0.0 if self.short_lives == 0 else min(FIRST_PAUSE_S * 2.0 ** (self.short_lives - 1), LONGEST_PAUSE_S)
        self.last_end = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.restarts += 1
        self._start_at_s, self._since_s = now_s + pause_s, time.time()
        say = log.error if self.short_lives >= KEEPS_DYING else log.warning
        event = "part keeps dying" if self.short_lives >= KEEPS_DYING else "part died"
        say(event, part=self.name, end=self.last_end, lived_s=round(lived_s, 1), restarts_in_s=pause_s)
        self._let_go()

    def _let_go(self) -> None:
        if self.process is not None:
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()
            self.process = None


def start_tethered(
    command: Sequence[str], log_file: LogFile, environment: Mapping[str, str], means: str = MEANS
) -> "subprocess.Popen[bytes]":
    """Start a command that appends to a log and ends with this process; a Ctrl-C in our terminal does not reach it."""
    tied = [sys.executable, "-I", "-S", str(Path(tether.__file__)), means, str(os.getpid()), *command]
    output = log_file.open()
    try:
        return subprocess.Popen(
            tied, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    finally:
        os.close(output)
