"""What disturbs the measurements: seeded bursts of other processes, replayed for every method from the same phase.

Lifecycle: `disturbed` burns inside its `with` block; every burner also ends by itself, after its last burst or when
the process that started it is gone.
"""

import contextlib
import enum
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

BURNER = Path(__file__).parent / "burner.py"
MEAN_PAUSE, MEAN_BURST, LONGEST_BURST = 1 / 4, 1 / 12, 1 / 3  # of a budget: as often in a short one as in a long one
HORIZON = 10.0  # budgets: who takes longer than one does not outlast the disturbance
START_S = 0.5
Span = tuple[float, float]


class Load(enum.Enum):
    """What else runs. Bursts come as a Poisson process, their lengths are exponential."""

    NONE = "none"
    ONE_BURNER = "one burner"
    TWO_BURNERS = "two burners"
    MEMORY = "memory-bound"

    @property
    def burners(self) -> int:
        """How many processes burn at once."""
        return {Load.NONE: 0, Load.ONE_BURNER: 1, Load.TWO_BURNERS: 2, Load.MEMORY: 1}[self]


def bursts(load: Load, seed: int, repeat: int, budget_s: float) -> tuple[Span, ...]:
    """When it burns, in seconds from the beginning of each method; the same for all methods of a repeat."""
    if not load.burners:
        return ()
    rng = np.random.default_rng([seed, repeat, crc32(load.value.encode())])
    found, at = [], float(rng.exponential(MEAN_PAUSE))
    while at < HORIZON:
        ends = min(HORIZON, at + min(LONGEST_BURST, float(rng.exponential(MEAN_BURST))))
        found.append((at * budget_s, ends * budget_s))
        at = ends + float(rng.exponential(MEAN_PAUSE))
    return tuple(found)


@contextlib.contextmanager
def disturbed(load: Load, spans: Sequence[Span]) -> Iterator[float]:
    """Burn by the schedule; gives its beginning on the monotonic clock, which has come when the block begins."""
    origin_s = time.monotonic() + START_S
    kind = "memory" if load is Load.MEMORY else "cpu"
    command = [sys.executable, "-I", "-S", str(BURNER), kind, str(os.getpid()), repr(origin_s), json.dumps(spans)]
    burners = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(load.burners if spans else 0)]
    try:
        time.sleep(max(0.0, origin_s - time.monotonic()))
        yield origin_s
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def overlap_s(one: Sequence[Span], other: Sequence[Span]) -> float:
    """How long both lasted at once; the spans of each do not overlap among themselves."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in one for b in other)
