"""The agent's one place of waiting: telemetry at its period, the limits, requests to end, and what the child says.

Lifecycle: one `Watch` per attempt; `events` is iterated phase by phase and raises what ends a run.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.child import MeasuringProcess
from agent.contact import QUIET_CONTACT
from agent.errors import RunAborted, RunFault
from agent.frames import Failure, Kind
from agent.protocol import Reading
from agent.telemetry import Sampler
from agent.wire.codec import loads
from agent.wire.spec import Limits

Message = tuple[Kind, bytes]
_LOADING_PERIOD_S, _LOADED_PERIOD_S = 0.3, 1.2  # of looks at memory: a little more than telemetry's usual periods


class Signals:
    """Requests that come as signals: SIGTERM ends the run, `QUIET_CONTACT` is somebody at the door.

    Lifecycle: made once in the agent's process; `descriptor` turns readable when a signal came.
    """

    def __init__(self) -> None:
        self.is_asked_to_end = False
        self.contacts_ns: list[int] = []
        self.descriptor, wakeup = os.pipe()
        for end in (self.descriptor, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(QUIET_CONTACT, self._contact)

    def _end(self, *_: object) -> None:
        self.is_asked_to_end = True

    def _contact(self, *_: object) -> None:
        self.contacts_ns.append(time.monotonic_ns())


class Watch:
    """Waits, samples and guards."""

    def __init__(self, sampler: Sampler, signals: Signals, limits: Limits) -> None:
        self.sampler = sampler
        self.signals = signals
        self.child: MeasuringProcess | None = None
        self.is_loaded = False
        self._limits = limits
        self._wall_left_ns = int(limits.wall_s * 1e9)
        self._wall_until_ns: int | None = None
        self._next_memory_ns = 0

    def events(self, until_ns: int | None = None) -> Iterator[Reading | Message]:
        """Readings as they are taken and messages as they come, until a time; raises what ends the run."""
        while until_ns is None or time.monotonic_ns() < until_ns:
            self._guard()
            message = self.child.take() if self.child is not None else None
            if message is not None:
                yield _heed(message)
            elif self.sampler.is_due:
                yield self.sampler.sample()
                self._guard_memory(self.sampler.latest_rss_bytes)
            else:
                self._listen(until_ns)

    def expect(self, wanted: Kind, on_reading: Callable[[Reading], None] = lambda reading: None) -> bytes:
        """Payload of the next message of a kind; readings meanwhile go to `on_reading`."""
        for event in self.events():
            if isinstance(event, Reading):
                on_reading(event)
            elif event[0] is wanted:
                return event[1]
        raise AssertionError("without a time limit events never end")

    def idle(self, seconds: float) -> None:
        """Do nothing but watch for a while."""
        for _ in self.events(time.monotonic_ns() + int(seconds * 1e9)):
            continue

    @contextmanager
    def on_the_clock(self) -> Iterator[None]:
        """Count the time inside against the wall limit."""
        began_ns = time.monotonic_ns()
        self._wall_until_ns = began_ns + self._wall_left_ns
        try:
            yield
        finally:
            self._wall_left_ns -= time.monotonic_ns() - began_ns
            self._wall_until_ns = None

    def _listen(self, until_ns: int | None) -> None:
        child = self.child
        descriptors = child.descriptors if child else frozenset()
        ready, _, _ = select.select([*descriptors, self.signals.descriptor], [], [], self._patience_s(until_ns))
        for descriptor in ready:
            if descriptor == self.signals.descriptor:
                os.read(descriptor, 4096)
            elif child is not None:
                child.read(descriptor)
        if child is not None and child.is_silent:
            raise child.explain(loaded=self.is_loaded)

    def _patience_s(self, until_ns: int | None) -> float:
        wakes = [self.sampler.next_ns, until_ns, self._wall_until_ns]
        if self.child is not None and self._limits.rss_bytes is not None:
            wakes.append(self._next_memory_ns)
        soonest = min(wake for wake in wakes if wake is not None)
        return max(0.0, (soonest - time.monotonic_ns()) / 1e9)

    def _guard(self) -> None:
        if self.signals.is_asked_to_end:
            raise RunAborted("ended on request")
        now_ns = time.monotonic_ns()
        if self._wall_until_ns is not None and now_ns >= self._wall_until_ns:
            raise RunFault(
                "wall_limit", f"limits.wall_s: not done after {self._limits.wall_s:g} s; raise it or shorten the run"
            )
        if self.child is not None and now_ns >= self._next_memory_ns:
            self._guard_memory(self.child.rss_bytes())

    def _guard_memory(self, used: int | None) -> None:
        """A sample of telemetry counts as a look, so that nothing is done twice; memory grows while a model loads."""
        period_s = _LOADED_PERIOD_S if self.is_loaded else _LOADING_PERIOD_S
        self._next_memory_ns = time.monotonic_ns() + int(period_s * 1e9)
        allowed = self._limits.rss_bytes
        if used is not None and allowed is not None and used > allowed:
            raise RunFault(
                "memory_limit",
                f"limits.rss_bytes: the model took {used} bytes, allowed are {allowed}; see PIFARM_MEMORY_SHARE",
            )


def _heed(message: Message) -> Message:
    if message[0] is Kind.FAILED:
        failure = loads(Failure, message[1])
        raise RunFault(failure.code, failure.message)
    return message
