"""The timed loop and the arrays that it fills: what decides a figure, with nothing of processes or pipes in it.

Invariants: integer nanoseconds of the monotonic clock, arrays allocated ahead, no output and no allocation beyond the
call's own while it runs. Part of the measuring hash.
"""

import time
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

from agent.protocol import Bounds, is_steady
from agent.wire.records import Phase

MIN_CAPACITY = 4096
MOST_IN_SLOT = 64
Clock = Callable[[], int]
NEVER: Sequence[bool] = (False,)
_HEADROOM = 1.5  # a window may run faster than the fastest inference of the warm-up says
_STEADY_CHECK_NS = 500_000_000
_SPIN_NS = 500_000  # a sleep ends up to so much too late; the rest of the wait is spun
_LONGEST_NAP_NS = 250_000_000  # so that a stop is heeded however slow the pace
_NO_END_NS = 2**62


class Samples:
    """Starts and durations of one phase; `count` of the allocated places are filled, over `lasted_ns`.

    The first `told` of them have been handed on; of a long window all that were are forgotten.
    """

    def __init__(self, phase: Phase, capacity: int) -> None:
        self.phase = phase
        self.starts_ns = array("q", bytes(8 * capacity))
        self.durations_ns = array("q", bytes(8 * capacity))
        self.count = self.told = 0
        self.lasted_ns = 0

    @property
    def is_full(self) -> bool:
        """Whether no place is left."""
        return self.count == len(self.starts_ns)

    def grow(self) -> None:
        """Double the places."""
        more = bytes(self.starts_ns.itemsize * len(self.starts_ns))
        self.starts_ns.frombytes(more)
        self.durations_ns.frombytes(more)


def time_inferences(
    call: Callable[[], object],
    samples: Samples,
    bounds: Bounds,
    *,
    begin_ns: int,
    first: int = 0,
    stop: Sequence[bool] = NEVER,
    clock: Clock = time.monotonic_ns,
) -> None:
    """Call until `bounds`, counted from `begin_ns` and index `first`, are met, or `stop[0]`, or no place is left."""
    starts_ns, durations_ns = samples.starts_ns, samples.durations_ns
    enough_ns, time_up_ns = begin_ns + bounds.min_ns, begin_ns + bounds.max_ns
    last_needed = first + bounds.min_inferences - 1
    index, end = samples.count - 1, begin_ns
    for index in range(samples.count, len(starts_ns)):
        start = clock()
        call()
        end = clock()
        starts_ns[index] = start
        durations_ns[index] = end - start
        if (end >= enough_ns and (index >= last_needed or end >= time_up_ns)) or stop[0]:
            break
    samples.count = index + 1
    samples.lasted_ns = end - begin_ns


class Loop(Protocol):
    """How inferences follow each other: `time_inferences`, or `time_paced` with its period."""

    def __call__(
        self,
        call: Callable[[], object],
        samples: Samples,
        bounds: Bounds,
        *,
        begin_ns: int,
        first: int = 0,
        stop: Sequence[bool] = NEVER,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        """Add one stretch to `samples`."""


def time_paced(
    call: Callable[[], object],
    samples: Samples,
    bounds: Bounds,
    *,
    period_ns: int,
    begin_ns: int,
    first: int = 0,
    stop: Sequence[bool] = NEVER,
    clock: Clock = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """The same, but inference `first` + i waits until i periods after the start of inference `first`.

    None is skipped: one that comes late is begun at once. What ends the stretch while it waits ends it there.
    """
    starts_ns, durations_ns = samples.starts_ns, samples.durations_ns
    enough_ns, time_up_ns = begin_ns + bounds.min_ns, begin_ns + bounds.max_ns
    last_needed = first + bounds.min_inferences - 1
    is_going_on = samples.count > first
    end = starts_ns[samples.count - 1] + durations_ns[samples.count - 1] if is_going_on else begin_ns
    anchor_ns = starts_ns[first] if is_going_on else clock()
    index = samples.count - 1
    for index in range(samples.count, len(starts_ns)):
        due_ns = anchor_ns + (index - first) * period_ns
        while (left_ns := due_ns - clock()) > 0 and not stop[0]:
            if left_ns > _SPIN_NS:
                sleep(min(left_ns - _SPIN_NS, _LONGEST_NAP_NS) / 1e9)
        if stop[0] and index > first:
            index -= 1
            break
        start = clock() if index > first else anchor_ns
        call()
        end = clock()
        starts_ns[index] = start
        durations_ns[index] = end - start
        if (end >= enough_ns and (index >= last_needed or end >= time_up_ns)) or stop[0]:
            break
    samples.count = index + 1
    samples.lasted_ns = end - begin_ns


def warm_up(
    call: Callable[[], object],
    samples: Samples,
    bounds: Bounds,
    steady_within: float | None,
    *,
    loop: Loop = time_inferences,
    stop: Sequence[bool] = NEVER,
    clock: Clock = time.monotonic_ns,
) -> None:
    """Add one warm-up to `samples`: the bounds, then until steady where asked, at most their maximum, or `stop[0]`."""
    if bounds.min_inferences == bounds.min_ns == 0 and steady_within is None:
        return  # a protocol without a warm-up: the window's first inference is the first of all
    first, begin_ns = samples.count, clock()

    def stretch(until: Bounds) -> None:
        loop(call, samples, until, begin_ns=begin_ns, first=first, stop=stop, clock=clock)
        while samples.is_full and not (is_met(samples, until, first) or stop[0]):
            samples.grow()
            loop(call, samples, until, begin_ns=begin_ns, first=first, stop=stop, clock=clock)

    stretch(bounds)
    while steady_within is not None and samples.lasted_ns < bounds.max_ns and not stop[0]:
        if is_steady(samples.durations_ns[first : samples.count], steady_within):
            break
        until_ns = min(samples.lasted_ns + _STEADY_CHECK_NS, bounds.max_ns)
        stretch(Bounds(min_inferences=0, min_ns=until_ns, max_ns=until_ns))


def time_slot(
    call: Callable[[], object], slot_s: float, *, stop: Sequence[bool] = NEVER, clock: Clock = time.monotonic_ns
) -> Samples:
    """A slot of a sweep: a first inference, then more for `slot_s`, at least one and at most `MOST_IN_SLOT` in all."""
    samples, slot_ns = Samples(Phase.WINDOW, MOST_IN_SLOT), int(slot_s * 1e9)
    bounds = Bounds(min_inferences=2, min_ns=slot_ns, max_ns=slot_ns + _NO_END_NS)
    time_inferences(call, samples, bounds, begin_ns=clock(), stop=stop, clock=clock)
    return samples


def capacity_for(bounds: Bounds, fastest_ns: int, most: int) -> int:
    """Places that a stretch may need when no inference is faster than `fastest_ns`, at most `most`."""
    needed = max(bounds.min_inferences, bounds.min_ns // max(fastest_ns, 1))
    return max(min(int(needed * _HEADROOM), most), min(MIN_CAPACITY, most))


def is_met(samples: Samples, bounds: Bounds, first: int = 0) -> bool:
    """Whether a stretch ended because its bounds were met."""
    enough = samples.lasted_ns >= bounds.min_ns and samples.count - first >= bounds.min_inferences
    return enough or samples.lasted_ns >= bounds.max_ns
