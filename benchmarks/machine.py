"""The machine that a benchmark runs on, and whether anybody else used it: figures of a busy machine are only smoke."""

import os
import platform
from dataclasses import dataclass

import psutil

LOOK_S = 2.0
BUSY_SHARE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A look at the machine while the benchmark itself rests; `cpu_share` is 0..1 of all cores."""

    one_minute: float
    cpu_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine, with its load before and after."""

    name: str
    cores: int
    python: str
    before: Load
    after: Load

    @property
    def was_busy(self) -> bool:
        """Whether others used it before or after, so that they may have meanwhile.

        The load average tells of past minutes, which may have been another benchmark's: it is shown, not judged.
        """
        return max(self.before.cpu_share, self.after.cpu_share) > BUSY_SHARE

    @property
    def text(self) -> str:
        """One line for people."""
        state = "BUSY, these figures are only smoke" if self.was_busy else "quiet"
        return (
            f"{self.name}, {self.cores} cores, Python {self.python}; load average {self.before.one_minute:.2f} before,"
            f" {self.after.one_minute:.2f} after; in use by others {self.before.cpu_share:.0%} before,"
            f" {self.after.cpu_share:.0%} after: {state}"
        )


def look(seconds: float = LOOK_S) -> Load:
    """The load now, over some seconds in which the caller does nothing."""
    return Load(one_minute=os.getloadavg()[0], cpu_share=psutil.cpu_percent(seconds) / 100)


def machine(before: Load, after: Load) -> Machine:
    """This machine between two looks at it."""
    return Machine(
        name=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        before=before,
        after=after,
    )
