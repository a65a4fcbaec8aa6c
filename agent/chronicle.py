"""What the agent has to say of an attempt, in order: written at once, or kept in memory while the board must be quiet.

Lifecycle: one per attempt; `keep_quiet` starts the quiet time, `speak` ends it and writes what was kept.
"""

import time

from agent.spool import Spool
from agent.telemetry import Sampler
from agent.wire.packed import Written
from agent.wire.records import Phase, PhaseEntered


class Chronicle:
    """The journal's only writer; times are since `origin_ns`."""

    def __init__(self, spool: Spool, sampler: Sampler, origin_ns: int) -> None:
        self.phase = Phase.GATE
        self._spool = spool
        self._sampler = sampler
        self._origin_ns = origin_ns
        self._kept: list[Written] | None = None

    def now_ns(self) -> int:
        """Time since the claim."""
        return time.monotonic_ns() - self._origin_ns

    def note(self, *records: Written) -> None:
        """Say something."""
        if self._kept is None:
            self._spool.append(*records)
        else:
            self._kept += records

    def enter(self, phase: Phase, period_s: float) -> None:
        """Say that the run goes on to `phase`, and sample with its period from now on."""
        self.phase = phase
        self._sampler.set_period(period_s)
        self.note(PhaseEntered(phase=phase, at_ns=self.now_ns()))

    def keep_quiet(self) -> None:
        """Write nothing from now on, and begin no slow reading."""
        self._sampler.sensors.hush(True)
        self._kept = []

    def speak(self) -> None:
        """Write what was kept, and all telemetry so far."""
        kept, self._kept = self._kept or [], None
        self.note(*kept, *self._sampler.drain())
        self._sampler.sensors.hush(False)

    def settle(self) -> None:
        """Write all telemetry so far and wait until the disk has everything."""
        self.speak()
        self._spool.sync()
