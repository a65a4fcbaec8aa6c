"""The most memory that each process of a farm ever had, by what it does, while something is done with it."""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence

import psutil

from benchmarks.processes import peak_rss_mb

LOOK_EVERY_S = 0.05
STEP = "--multiprocessing-fork"  # what Python says to a process that a recipe starts for one of its steps


class Peaks:
    """Looks at every process below this one again and again; `mb` has the largest peak of each name.

    The kernel keeps a process's peak, so only what it grows within its last moment is missed.

    Lifecycle: `watched_peaks` gives one that looks in a thread of its own until the `with` block ends.
    """

    def __init__(self) -> None:
        self.mb: dict[str, float] = {}
        self._stopping = threading.Event()

    def keep_looking(self) -> None:
        """Look until told to stop."""
        while not self._stopping.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """Note the peaks of all that run now."""
        for process in psutil.Process(os.getpid()).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = _part_or_step(process)
                if name is not None:
                    self.mb[name] = max(self.mb.get(name, 0.0), peak_rss_mb(process))

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()


@contextlib.contextmanager
def watched_peaks() -> Iterator[Peaks]:
    """Peaks of all that runs below this process inside the `with` block."""
    peaks = Peaks()
    thread = threading.Thread(target=peaks.keep_looking, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        peaks.stop()
        thread.join()


def _part_or_step(process: psutil.Process) -> str | None:
    words = process.cmdline()
    if STEP not in words:
        return part_of_farm(words)
    return f"{part_of_farm(psutil.Process(process.ppid()).cmdline())}, a step"


def part_of_farm(words: Sequence[str]) -> str | None:
    """What a process with these words does for a farm; None for others, such as a simulated board's."""
    if "orchestrator.variants.workshop" in words:
        return f"workshop: {words[words.index('--recipe') + 1]}"
    if "describe" in words and "agent" in words:
        return f"trial: {words[words.index('--runtime') + 1]}"
    if "orchestrator" in words:
        said = [word for word in words[words.index("orchestrator") + 1 :] if not word.startswith("-")]
        return f"pifarm {' '.join(said[:2])}" if said and said[0] in ("model", "variant", "submit") else said[0]
    return "broker" if any("valkey-server" in word for word in words[:1]) else None
