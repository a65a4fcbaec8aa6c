"""A sign of life: a file that a process of the farm touches when it has done its work, and that others look at.

Only health checks read it; nothing in the farm depends on it. One file per process and host name, in the state home,
so that containers that share the home do not answer for each other.
"""

import contextlib
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 10.0
OLD_S = 7 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The sign of life of one process. Cheap: the file is touched at most once in `EVERY_S`, however often it beats.

    Lifecycle: `begun` around the process's work, `beat` whenever some is done, from any thread.
    """

    file: Path

    @classmethod
    def of(cls, folder: Path, part: str) -> "Heartbeat":
        """The one of a part of the farm (worker, tick) on this host."""
        return cls(file=folder / f"{part}@{platform.node() or 'here'}")

    @contextlib.contextmanager
    def begun(self, now_s: float | None = None) -> Iterator[None]:
        """While inside, the process may beat. What an earlier one of this name left is forgotten at the beginning, as
        is what hosts left that are long gone; at the end nothing is left, so that an orderly end is told at once.
        """
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        for other in self.file.parent.iterdir():
            if (age_s := Heartbeat(file=other).age_s(now_s)) is not None and age_s > OLD_S:
                other.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.file.unlink(missing_ok=True)

    def beat(self, now_s: float | None = None) -> None:
        """Say that work was done now."""
        age_s = self.age_s(now_s)
        if age_s is None or not 0 <= age_s < EVERY_S:  # a clock that stepped back is one reason more
            self.file.touch()

    def age_s(self, now_s: float | None = None) -> float | None:
        """Seconds since it was touched; None if it never was."""
        try:
            return (time.time() if now_s is None else now_s) - self.file.stat().st_mtime
        except FileNotFoundError:
            return None
