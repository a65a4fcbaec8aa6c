"""How often a password may be tried, by all visitors together: who tries from many addresses gains nothing.

Failures are forgotten with time alone. A sign-in that succeeds forgets none, or whoever knows the viewers' password
could guess the operators' without end.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import ForbiddenError

T = TypeVar("T")
FREE_TRIES = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
FORGOTTEN_AFTER_S = 900.0


class Tries:
    """Lifecycle: one for a process. Tries wait for each other, so that no more than one hash is made at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._last_s = clock()

    def attempt(self, check: Callable[[], T | None]) -> T | None:
        """What `check` finds, None for a wrong password; raises `ForbiddenError` where it is too soon to try."""
        with self._lock:
            self._require_patience()
            found = check()
            if found is None:
                self._failures += 1
                self._last_s = self._clock()
            return found

    def _require_patience(self) -> None:
        passed_s = self._clock() - self._last_s
        if passed_s >= FORGOTTEN_AFTER_S:
            self._failures = 0
        left_s = self._pause_s() - passed_s
        if left_s > 0:
            raise ForbiddenError(f"sign-in: too many wrong passwords; try again in {left_s:.0f} s")

    def _pause_s(self) -> float:
        beyond = self._failures - FREE_TRIES
        return 0.0 if beyond < 0 else min(FIRST_PAUSE_S * 2.0 ** min(beyond, 10), LONGEST_PAUSE_S)
