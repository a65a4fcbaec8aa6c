"""The machine while nobody measures on it: what disturbs a measurement is done inside, or refused."""

import contextlib
from collections.abc import Iterator

from agent.errors import RefusedError
from agent.home import SCRIPTED, Home
from agent.lock import Holder, take_lock
from agent.wire.answers import RefusedBecause


@contextlib.contextmanager
def nobody_measuring(home: Home, otherwise: str) -> Iterator[None]:
    """Hold every lock that a run could take; raises `RefusedError` (busy) with `otherwise` while a run has one."""
    with contextlib.ExitStack() as held:
        for runtime in ("any", SCRIPTED):
            lock = take_lock(home.lock_path(runtime), Holder(folder=str(home.path)))
            if lock is None:
                raise RefusedError(RefusedBecause.BUSY, f"something measures on this machine; {otherwise}")
            held.callback(lock.close)
        yield
