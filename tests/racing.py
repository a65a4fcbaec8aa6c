"""Threads that begin together, for what must come out right whoever is first."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """What `count` threads get that call `act` with their number at the same time; raises what one of them raises."""
    barrier = threading.Barrier(count)

    def wait_and_act(index: int) -> T:
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_act, range(count)))
