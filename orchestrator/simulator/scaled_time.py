"""A clock that runs faster, for simulated boards on which inference is pretended: twenty minutes in twenty seconds.

`ScaledClock` is the simulator's own. The board's programs have the same one by `install`, which replaces what Python
tells of monotonic time, and how long it sleeps and waits; what they do takes as long as it takes, so all that computes
looks slower by the scale. They run by an interpreter of their own (`make_interpreter`), whose packages hold a copy of
this module and nothing else: no runtime but the scripted one can be loaded there, and no other interpreter has it.

Standard library only. The calendar's time is left alone.
"""

import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HIGHEST_SCALE = 100.0
MODULE = "pifarm_scaled_time"
_SPIN_S = 1e-4  # a sleep ends that much too late


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """Seconds that pass `scale` times as fast as the host's, from the host's monotonic `origin_s` on."""

    scale: float = 1.0
    origin_s: float = 0.0

    def __call__(self) -> float:
        """Now, in seconds of the board."""
        return self.of(time.monotonic())

    def of(self, host_s: float) -> float:
        """The board's time at one of the host's."""
        return self.origin_s + (host_s - self.origin_s) * self.scale


def install(scale: float, origin_s: float) -> None:
    """Make this whole process live by that clock; for the start of an interpreter, before anybody asks for the time.

    Once: a virtual environment's ``.pth`` files are run twice.
    """
    if hasattr(time, MODULE):
        return
    setattr(time, MODULE, scale)
    host_s, host_sleep, host_select = time.monotonic, time.sleep, select.select
    clock = ScaledClock(scale, origin_s)

    def monotonic() -> float:
        return clock.of(host_s())

    def monotonic_ns() -> int:
        return int(monotonic() * 1e9)

    def sleep(seconds: float, /) -> None:
        until_s = host_s() + seconds / scale
        host_sleep(max(0.0, seconds / scale - _SPIN_S))
        while host_s() < until_s:
            pass

    def wait(reads: Any, writes: Any, errors: Any, timeout: float | None = None, /) -> Any:
        return host_select(reads, writes, errors, None if timeout is None else timeout / scale)

    replaced: dict[str, Callable[..., Any]] = {
        "monotonic": monotonic,
        "monotonic_ns": monotonic_ns,
        "perf_counter": monotonic,
        "perf_counter_ns": monotonic_ns,
        "sleep": sleep,
    }
    for name, function in replaced.items():
        setattr(time, name, function)
    setattr(select, "select", wait)  # noqa: B010  # mypy would compare the signatures


def make_interpreter(folder: Path, clock: ScaledClock) -> Path:
    """A Python in `folder`, without packages, that lives by a clock; safe to repeat."""
    base = Path(os.path.realpath(sys.executable))
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True, exist_ok=True)
    program = folder / "bin" / "python3"
    program.parent.mkdir(exist_ok=True)
    program.unlink(missing_ok=True)
    program.symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (packages / f"{MODULE}.py").write_bytes(Path(__file__).read_bytes())
    (packages / f"{MODULE}.pth").write_text(f"import {MODULE}; {MODULE}.install({clock.scale!r}, {clock.origin_s!r})\n")
    return program
