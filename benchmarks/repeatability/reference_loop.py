"""One core's speed, for ever: ``reference_loop.py CORE PARENT_PID MODEL`` runs a short network there again and again.

A first inference fills the caches, as those of a loop find them; the second counts. It takes processor time, not wall
time, so that whoever else wants the core does not count. Writes pairs of float64 to standard output: the monotonic
moment in seconds, nanoseconds of the inference. It ends when its parent is gone.
"""

import array
import os
import sys
import time

from benchmarks.repeatability.timed_loop import load, warm_up

PERIOD_S = 0.75
THREADS = 1


def main() -> None:
    """Pin, load, and time until nobody listens."""
    core, parent, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    os.sched_setaffinity(0, {core})
    infer = load(model, THREADS)
    warm_up(infer)
    next_s = time.monotonic()
    while os.getppid() == parent:
        infer()
        at_s, began_ns = time.monotonic(), time.thread_time_ns()
        infer()
        taken_ns = time.thread_time_ns() - began_ns
        sys.stdout.buffer.write(array.array("d", (at_s, taken_ns)).tobytes())
        sys.stdout.buffer.flush()
        next_s = max(next_s + PERIOD_S, at_s)
        time.sleep(max(0.0, next_s - time.monotonic()))


if __name__ == "__main__":
    main()
