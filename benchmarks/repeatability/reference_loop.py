"""One core's speed, for ever: ``reference_loop.py CORE PHASE PARENT_PID MODEL`` runs a short network there again.

A first inference fills the caches, as those of a loop find them; the second counts. It takes processor time, not wall
time, so that whoever else wants the core does not count. PHASE, a share of the period, keeps the cores' looks apart: a
host may wake two virtual cores on one of its own, and looks of the same moment then take up to twice as long. Writes
pairs of float64 to standard output: the monotonic moment in seconds, nanoseconds of the inference. It ends when its
parent is gone.
"""

import array
import math
import os
import sys
import time

from benchmarks.repeatability.timed_loop import load, warm_up

PERIOD_S = 0.75
THREADS = 1


def main() -> None:
    """Pin, load, and time until nobody listens."""
    core, phase, parent, model = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    os.sched_setaffinity(0, {core})
    infer = load(model, THREADS)
    warm_up(infer)
    while os.getppid() == parent:
        now_s = time.monotonic()
        time.sleep(next_look_s(now_s, phase) - now_s)
        infer()
        at_s, began_ns = time.monotonic(), time.thread_time_ns()
        infer()
        taken_ns = time.thread_time_ns() - began_ns
        sys.stdout.buffer.write(array.array("d", (at_s, taken_ns)).tobytes())
        sys.stdout.buffer.flush()


def next_look_s(now_s: float, phase: float) -> float:
    """When the turn of this phase comes next after a moment; monotonic seconds, a clock that all cores share."""
    return (math.floor(now_s / PERIOD_S - phase) + 1 + phase) * PERIOD_S


if __name__ == "__main__":
    main()
