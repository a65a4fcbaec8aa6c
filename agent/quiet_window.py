"""The quiet time of an attempt: idling, warm-up and window, by orders to the measuring process.

Invariants: nothing is written to disk from its beginning to its end, but once every `report_every_s` of a long run;
heat ends a window after the inference at hand; contacts and swap are counted in it, and only in it.

Lifecycle: one per attempt. `warm_up`, then `measure` and `take_rest`; again from `warm_up` after a return to the gate.
"""

import time
from collections.abc import Callable

from agent.burner import BurnerProcesses
from agent.chronicle import Chronicle
from agent.fan import SteeredFan
from agent.frames import Chunk, Kind, Measured, Order, unpack_samples
from agent.machine import swapped_out_bytes
from agent.protocol import Reading, is_disturbed, is_hot
from agent.resolution import Resolution
from agent.sensors.load import tick_share
from agent.sweep import Sweep
from agent.watch import Watch
from agent.wire.codec import loads
from agent.wire.ramp import Ramp, Swept
from agent.wire.records import Phase
from agent.wire.spec import Protocol

_MOST_CONTACTS = 100


class QuietWindow:
    """Gives the orders; `measured` is how the last window ended, `swapped_bytes` what went to swap in all of them.

    `swept` is what came of a sweep. Its burner is `burner`, gone after the window, its fan `fan`, given back then.
    """

    def __init__(
        self,
        protocol: Protocol,
        watch: Watch,
        chronicle: Chronicle,
        origin_ns: int,
        burner: BurnerProcesses,
        fan: SteeredFan,
    ) -> None:
        self._protocol, self._watch, self._chronicle, self._origin_ns = protocol, watch, chronicle, origin_ns
        self._burner, self._fan = burner, fan
        self._resolution = Resolution(protocol)
        self.measured: Measured | None = None
        self.swept: Swept | None = None
        self.swapped_bytes: int | None = None
        self._swapped_before_bytes: int | None = None
        self._contacts_ns: list[int] = []
        self._loaded_at_s = 0.0
        self._report_at_s = 0.0

    @property
    def needs_segment(self) -> bool:
        """Whether heat left the windows so far too short."""
        return self.measured is not None and self.measured.needs_segment

    @property
    def contacts_ns(self) -> tuple[int, ...]:
        """When somebody spoke to the board in quiet times, since the claim; the first hundred."""
        seen = [*self._contacts_ns, *self._watch.signals.contacts_ns][:_MOST_CONTACTS]
        return tuple(at_ns - self._origin_ns for at_ns in seen)

    def warm_up(self) -> bool:
        """Idle where asked, then warm up; whether others used more than the gate allows during the warm-up."""
        self._chronicle.keep_quiet()
        self._swapped_before_bytes = swapped_out_bytes()
        self._watch.signals.contacts_ns.clear()
        if self._protocol.recorded_idle_s:
            self._enter(Phase.IDLE)
            self._watch.idle(self._protocol.recorded_idle_s)
        began_s = self._loaded_at_s = time.monotonic()
        self._order(Order.WARM_UP, Phase.WARM_UP)
        self._watch.expect(Kind.WARMED, self._look_at_heat)
        gate = self._protocol.gate
        readings = [reading for reading in self._watch.sampler.readings if reading.at_s >= began_s]
        watched_s = min(gate.load_window_s, time.monotonic() - began_s)
        return is_disturbed(gate, readings, tick_share=tick_share(watched_s))

    def measure(self) -> None:
        """The window, until its last inference has ended."""
        self._report_at_s = time.monotonic() + self._protocol.report_every_s
        if self._protocol.ramp is None:
            self._order(Order.WINDOW, Phase.WINDOW)
            self.measured = loads(Measured, self._take_samples(Kind.MEASURED, self._look_after_window))
        else:
            self._enter(Phase.WINDOW)
            self.measured = self._sweep(self._protocol.ramp)
        before, after = self._swapped_before_bytes, swapped_out_bytes()
        if before is not None and after is not None:
            self.swapped_bytes = (self.swapped_bytes or 0) + after - before
        self._contacts_ns += self._watch.signals.contacts_ns
        self._watch.signals.contacts_ns.clear()

    def take_rest(self) -> None:
        """Note the inferences that were not handed on while the window lasted."""
        if self._protocol.ramp is None:
            self._take_samples(Kind.DONE)

    def _sweep(self, ramp: Ramp) -> Measured:
        sweep = Sweep(ramp, self._watch, self._burner, self._fan, self._chronicle, self._note)
        stopped_by = sweep.run(self._protocol.window.max_s, self._is_report_due)
        self.swept = sweep.swept(self._origin_ns)
        return Measured(stopped_by=stopped_by, peak_rss_bytes=self._watch.sampler.peak_rss_bytes or 0)

    def _take_samples(self, until: Kind, on_reading: Callable[[Reading], None] = lambda reading: None) -> bytes:
        """Note the inferences that come before a message of that kind; its payload."""
        for event in self._watch.events():
            if isinstance(event, Reading):
                on_reading(event)
            elif event[0] is until:
                return event[1]
            else:
                self._note(unpack_samples(event[1]))
        raise AssertionError("the watch never ends by itself")

    def _note(self, chunk: Chunk) -> None:
        self._chronicle.note(self._resolution.record(chunk, self._origin_ns))

    def _look_at_heat(self, reading: Reading) -> None:
        if is_hot(self._protocol.window, reading, reading.at_s - self._loaded_at_s) and self._watch.child:
            self._watch.child.stop_window()

    def _look_after_window(self, reading: Reading) -> None:
        self._look_at_heat(reading)
        if self._is_report_due(reading):
            self._chronicle.speak()
            self._chronicle.keep_quiet()

    def _is_report_due(self, reading: Reading) -> bool:
        """Whether a long run says now what it has; asked once for each time."""
        is_due = self._protocol.is_long and reading.at_s >= self._report_at_s
        if is_due:
            self._report_at_s += self._protocol.report_every_s
        return is_due

    def _order(self, order: Order, phase: Phase) -> None:
        assert self._watch.child is not None
        self._enter(phase)
        self._watch.child.order(order)

    def _enter(self, phase: Phase) -> None:
        self._chronicle.enter(phase, self._protocol.telemetry_period_s)
