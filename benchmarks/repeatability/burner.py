"""One disturbing process: ``burner.py KIND PARENT_PID ORIGIN_S SPANS`` burns in the spans after a monotonic moment.

It ends after the last span, or when its parent is gone. Only the standard library, so that it starts at once.
"""

import json
import os
import sys
import time
from collections.abc import Callable

POLL_S = 0.2
COUNT = 20_000
BLOCK_BYTES = 32 * 1024 * 1024


def main() -> None:
    """Sleep, burn, and so on."""
    kind, parent, origin_s, spans = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
    work = _copy_memory() if kind == "memory" else _count
    for from_s, to_s in spans:
        while (left_s := origin_s + from_s - time.monotonic()) > 0:
            if os.getppid() != parent:
                return
            time.sleep(min(POLL_S, left_s))
        while time.monotonic() < origin_s + to_s and os.getppid() == parent:
            work()


def _count() -> None:
    for _ in range(COUNT):
        pass


def _copy_memory() -> Callable[[], None]:
    """Copies blocks larger than the caches, so that it is the memory that is busy."""
    source, target = bytes(BLOCK_BYTES), bytearray(BLOCK_BYTES)

    def copy() -> None:
        target[:] = source

    return copy


if __name__ == "__main__":
    main()
