"""The window of a sweep: burner and fan lead the die along the ramp, the measuring process infers in slots by the way.

Burner and inference never run at once: a slot is ordered only when every process of the burner is known to stand, and
the burner goes on only when the measuring process has said that its slot is over and waits for its next order.

Invariants: nothing is written to disk but once every `report_every_s`, between two slots; no inference begins at or
above the ramp's limit.
"""

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.burner import BurnerProcesses
from agent.chronicle import Chronicle
from agent.errors import RunFault
from agent.fan import SteeredFan
from agent.frames import Chunk, Kind, Order, unpack_samples
from agent.protocol import Reading
from agent.ramp import Leg, Pilot
from agent.watch import Watch
from agent.wire.ramp import Ramp, Swept
from agent.wire.records import Phase, StoppedBy

_CHUNK = 4096


class Sweep:
    """`say` notes the inferences of a chunk.

    Lifecycle: one per window; `run` returns when the ramp is over or time is up, burner gone and fan given back.
    """

    def __init__(
        self,
        ramp: Ramp,
        watch: Watch,
        burner: BurnerProcesses,
        fan: SteeredFan,
        chronicle: Chronicle,
        say: Callable[[Chunk], None],
    ) -> None:
        self._pilot = Pilot(ramp)
        self._limit_c = ramp.limit_c
        self._watch, self._burner, self._fan, self._chronicle, self._say = watch, burner, fan, chronicle, say
        self._told: list[Chunk] = []
        self._in_slot = 0
        self._stand_ns = 0
        self._has_slot = False

    def swept(self, origin_ns: int) -> Swept | None:
        """What came of it, in nanoseconds since `origin_ns`; None where the die's temperature was never read."""
        return self._pilot.swept(origin_ns, self._stand_ns)

    def run(self, longest_s: float, is_report_due: Callable[[Reading], bool]) -> StoppedBy:
        """Sweep for at most so long; raises `RunFault` where no slot can be."""
        if "temperature_c" in self._watch.sampler.sensors.absent:
            raise RunFault("no_temperature", "protocol.ramp: this board does not tell its die's temperature")
        self._fan.take()
        try:
            self._lead(time.monotonic_ns() + int(longest_s * 1e9), is_report_due)
        finally:
            self._burner.end()
            self._fan.give_back()
        is_over = self._pilot.leg is Leg.OVER
        self._pilot.give_up()
        if not self._has_slot:
            raise RunFault(
                "no_slot", f"protocol.ramp: the die was never below the limit of {self._limit_c:g} C; cool it"
            )
        self._note()
        return StoppedBy.ENOUGH if is_over else StoppedBy.TIME

    def _lead(self, until_ns: int, is_report_due: Callable[[Reading], bool]) -> None:
        for event in self._watch.events():
            if isinstance(event, Reading):
                self._look(event)
                if not self._pilot.is_measuring and is_report_due(event):
                    self._note()
                    self._chronicle.speak()
                    self._chronicle.keep_quiet()
            elif event[0] is Kind.SAMPLES:
                self._take(unpack_samples(event[1]))
            elif event[0] is Kind.DONE:
                self._end_slot()
            if self._pilot.is_measuring:
                continue
            if self._pilot.leg is Leg.OVER or time.monotonic_ns() >= until_ns:
                return

    def _look(self, reading: Reading) -> None:
        self._pilot.take(reading)
        child = self._watch.child
        assert child is not None
        if self._pilot.is_measuring:
            if reading.temperature_c is not None and reading.temperature_c >= self._limit_c:
                child.stop_window()
            return
        self._fan.set(self._pilot.fan)
        if self._pilot.may_begin_slot():
            self._stand_ns = max(self._stand_ns, self._burner.stand())
            self._pilot.begin_slot(time.monotonic_ns() / 1e9)
            child.order(Order.SLOT)
        else:
            self._burner.set(self._pilot.duty)

    def _take(self, chunk: Chunk) -> None:
        if chunk.phase is Phase.WARM_UP:
            self._say(chunk)
            return
        self._told.append(chunk)
        self._has_slot = True
        self._in_slot += len(chunk.starts_ns)
        if sum(len(each.starts_ns) for each in self._told) >= _CHUNK:
            self._note()

    def _end_slot(self) -> None:
        self._pilot.end_slot(time.monotonic_ns() / 1e9, self._in_slot)
        self._in_slot = 0
        self._burner.set(self._pilot.duty)

    def _note(self) -> None:
        """Say all slots since the last time in one record."""
        if self._told:
            self._say(_joined(self._told))
            self._told = []


def _joined(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of one phase that follow each other, as one."""
    return replace(
        chunks[0],
        starts_ns=array("q", [start for chunk in chunks for start in chunk.starts_ns]),
        durations_ns=array("q", [duration for chunk in chunks for duration in chunk.durations_ns]),
    )
