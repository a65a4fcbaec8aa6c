"""A sign of life: a file that a process of the farm touches when it has done its work, and that others look at.

Only health checks read it; nothing in the farm depends on it. One file per process and host name, in the state home,
so that containers that share the home do not answer for each other.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 10.0
OLD_S = 7 * 86400.0


@dataclass(kw_only=True)
class Heartbeat:
    """The sign of life of one process. Cheap: the file is touched at most once in `EVERY_S`, however often it beats.

    Lifecycle: `begin` once when the process starts, `beat` whenever work is done, from any thread.
    """

    file: Path
    clock: Callable[[], float] = time.monotonic
    touched_at_s: float | None = None

    @classmethod
    def of(cls, folder: Path, part: str) -> "Heartbeat":
        """The one of a part of the farm (worker, tick) on this host."""
        return cls(file=folder / f"{part}@{platform.node() or 'here'}")

    def begin(self, now_s: float | None = None) -> None:
        """Forget what an earlier process of this name left, and what hosts left that are long gone."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        for other in self.file.parent.iterdir():
            if (age_s := Heartbeat(file=other).age_s(now_s)) is not None and age_s > OLD_S:
                other.unlink(missing_ok=True)

    def beat(self) -> None:
        """Say that work was done now."""
        now_s = self.clock()
        if self.touched_at_s is None or now_s - self.touched_at_s >= EVERY_S:
            self.touched_at_s = now_s
            self.file.touch()

    def age_s(self, now_s: float | None = None) -> float | None:
        """Seconds since it was touched; None if it never was."""
        try:
            return (time.time() if now_s is None else now_s) - self.file.stat().st_mtime
        except FileNotFoundError:
            return None
