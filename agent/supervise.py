"""The agent of one attempt: detached, it takes the run through its phases and writes the journal.

    GATE -> LOAD -> READY -> WARM_UP -> WINDOW -> END        (a busy board goes from WARM_UP back to GATE, and a
                                                              hot one from WINDOW, for a further segment)

Invariants: it imports the standard library only; nothing is written to disk between the start of the warm-up and the
end of the window (in a sustained run telemetry is, once a minute); however the run ends, the measuring process is gone
and the lock is free before the end record can be read.

Lifecycle: `supervise` does everything and returns when the journal is complete.
"""

import contextlib
import dataclasses
import errno
import os
import time
import traceback
from pathlib import Path

from agent import bundle, contact, introduction, tuning
from agent.burner import BurnerProcesses
from agent.child import MeasuringProcess
from agent.chronicle import Chronicle
from agent.claim import teller
from agent.contact import StateNote
from agent.errors import RunAborted, RunFault
from agent.etiquette import Etiquette
from agent.frames import Job, Kind, Measured, Order, unpack_samples
from agent.gate import PERIOD_S, pass_gate
from agent.gatekeeper import LIVE_BITS
from agent.home import Home
from agent.isolation import network_here
from agent.lock import MachineLock
from agent.machine import swapped_out_bytes
from agent.protocol import MAX_RETURNS_TO_GATE, Reading, estimate_quiet_s, is_disturbed, is_hot
from agent.remembered import recall_cooling, remember_cooling
from agent.run_folder import Claim, RunFolder
from agent.sensors.discover import find_sensors
from agent.sensors.load import tick_share
from agent.spool import Spool
from agent.telemetry import Sampler
from agent.watch import Signals, Watch
from agent.wire.codec import loads
from agent.wire.records import Ended, Fault, Inferences, Loaded, Outcome, Phase
from agent.wire.spec import Regime, RunSpec

_SUSTAINED_REPORT_S = 60.0
_MOST_CONTACTS = 100


class Supervisor:
    """The phases of one attempt, up to what has to be said at its end."""

    def __init__(self, home: Home, folder: RunFolder, claim: Claim, spec: RunSpec, lock: MachineLock) -> None:
        self._home, self._folder, self._claim, self._spec, self._lock = home, folder, claim, spec, lock
        self._period_s = spec.protocol.telemetry_period_s
        self._burner = BurnerProcesses()
        self._sampler = Sampler(find_sensors(home.root, self._own_pids), claim.origin_ns, self._child_rss_bytes)
        self._watch = Watch(self._sampler, Signals(), spec.limits)
        self._spool = Spool(folder.path)
        self._chronicle = Chronicle(self._spool, self._sampler, claim.origin_ns)
        self._teller = teller(home, spec, claim)
        self._model = home.artifact(spec.artifact_id, spec.main_file)
        self._interpreter = home.interpreter(spec.runtime)
        self._network = network_here((self._model, Path(self._interpreter), bundle.location()))
        self._etiquette = Etiquette(folder.path, claim.agent, self._watch.idle)
        self._round = 0
        self._returns = 0
        self._first_s = 0.0
        self._loaded_at_s = 0.0
        self._report_at_s = 0.0
        self._measured: Measured | None = None
        self._contacts_ns: list[int] = []
        self._swapped_before_bytes: int | None = None
        self._swapped_bytes: int | None = None

    def run(self) -> None:
        """Take the run through its phases; however it ends becomes the end record."""
        try:
            self._measure()
            ended = self._ended(Outcome.COMPLETED)
        except RunAborted as asked:
            ended = self._ended(Outcome.ABORTED, code="aborted", message=str(asked))
        except RunFault as fault:
            ended = self._failed(fault)
        except Exception as error:  # noqa: BLE001  # the top of the agent: a bug of ours is data too
            with contextlib.suppress(OSError):  # agent.log may be on a disk that is full
                traceback.print_exc()
            ended = self._failed(_explain(error))
        self._finish(ended)

    def _measure(self) -> None:
        self._introduce()
        self._pass_gate()
        with self._watch.on_the_clock():
            self._load()
        while True:
            self._wait_for_quiet()
            with self._watch.on_the_clock():
                if not self._is_disturbed_warming_up() or self._returns >= MAX_RETURNS_TO_GATE:
                    self._measure_window()
                    if not self._needs_segment:
                        return
                else:
                    self._returns += 1
            self._chronicle.speak()
            self._pass_gate()

    def _introduce(self) -> None:
        self._chronicle.note(introduction.claimed(self._spec, self._claim))
        found, sensors = tuning.renew(self._home), self._sampler.sensors
        self._chronicle.note(introduction.environment(self._home, self._spec, self._network, sensors, found))

    def _pass_gate(self) -> None:
        self._chronicle.enter(Phase.GATE, max(self._period_s, PERIOD_S))
        gate, renewed = self._spec.protocol.gate, self._renew_after_throttle()
        if self._etiquette.is_visit_due:
            self._publish("the visit that was announced")
            self._etiquette.wait_for_visit(gate.hold_s)
        known = recall_cooling(self._home)
        passed, learnt = pass_gate(gate, self._watch, self._burner, self._chronicle, self._publish, known)
        remember_cooling(self._home, learnt)
        self._round += 1
        self._chronicle.note(dataclasses.replace(passed, reason="; ".join((passed.reason, *renewed))))

    def _renew_after_throttle(self) -> tuple[str, ...]:
        """Set again what a throttle may have undone since the last gate; what came of it, in words for the next one."""
        seen = any(reading.throttled and reading.throttled & LIVE_BITS for reading in self._sampler.readings)
        self._sampler.readings.clear()
        return tuple(f"{name}: {value}" for name, value in tuning.renew(self._home).items()) if seen else ()

    def _load(self) -> None:
        self._chronicle.enter(Phase.LOAD, self._period_s)
        self._publish()
        spec = self._spec
        job = Job(
            spec=spec,
            model_path=str(self._model),
            origin_ns=self._claim.origin_ns,
            agent_pid=os.getpid(),
            network=self._network,
        )
        command = bundle.command_line(self._interpreter, "measure")
        folder = self._folder.work_folder()
        child = self._watch.child = MeasuringProcess(command, job, self._lock.descriptor, folder)
        self._note_measuring(child)
        loaded = loads(Loaded, self._watch.expect(Kind.LOADED))
        self._watch.is_loaded = True
        self._first_s = loaded.first_ns / 1e9
        self._chronicle.note(loaded)

    def _note_measuring(self, child: MeasuringProcess) -> None:
        process = child.identify()
        self._folder.note_measuring(process)
        if process is not None:
            self._teller.measuring(process)

    def _wait_for_quiet(self) -> None:
        self._chronicle.enter(Phase.READY, self._period_s)
        self._chronicle.settle()
        self._publish()
        _, quiet_s = estimate_quiet_s(self._spec.protocol, self._first_s)
        self._etiquette.wait_for_quiet(
            self._round, min(quiet_s, _SUSTAINED_REPORT_S) if self._is_sustained else quiet_s
        )

    def _is_disturbed_warming_up(self) -> bool:
        self._chronicle.keep_quiet()
        self._swapped_before_bytes = swapped_out_bytes()
        self._watch.signals.contacts_ns.clear()
        began_s = self._loaded_at_s = time.monotonic()
        self._order(Order.WARM_UP, Phase.WARM_UP)
        self._watch.expect(Kind.WARMED, self._look_at_heat)
        gate = self._spec.protocol.gate
        readings = [reading for reading in self._sampler.readings if reading.at_s >= began_s]
        watched_s = min(gate.load_window_s, time.monotonic() - began_s)
        return is_disturbed(gate, readings, tick_share=tick_share(watched_s))

    def _measure_window(self) -> None:
        self._report_at_s = time.monotonic() + _SUSTAINED_REPORT_S
        self._order(Order.WINDOW, Phase.WINDOW)
        self._measured = loads(Measured, self._watch.expect(Kind.MEASURED, self._look_after_window))
        self._sum_up_quiet_window()
        if not self._needs_segment:
            self._chronicle.enter(Phase.END, self._period_s)
            self._spool.release_reserve()
            self._chronicle.speak()
            self._publish()
        for event in self._watch.events():
            if not isinstance(event, Reading):
                if event[0] is Kind.DONE:
                    return
                self._chronicle.note(self._inferences(event[1]))

    @property
    def _needs_segment(self) -> bool:
        return self._measured is not None and self._measured.needs_segment

    def _sum_up_quiet_window(self) -> None:
        before, after = self._swapped_before_bytes, swapped_out_bytes()
        if before is not None and after is not None:
            self._swapped_bytes = (self._swapped_bytes or 0) + after - before
        self._contacts_ns += self._watch.signals.contacts_ns
        self._watch.signals.contacts_ns.clear()

    def _look_at_heat(self, reading: Reading) -> None:
        if is_hot(self._spec.protocol.window, reading, reading.at_s - self._loaded_at_s) and self._watch.child:
            self._watch.child.stop_window()

    def _look_after_window(self, reading: Reading) -> None:
        self._look_at_heat(reading)
        if self._is_sustained and reading.at_s >= self._report_at_s:
            self._report_at_s += _SUSTAINED_REPORT_S
            self._chronicle.speak()
            self._chronicle.keep_quiet()

    def _inferences(self, payload: bytes) -> Inferences:
        chunk = unpack_samples(payload)
        return Inferences(
            phase=chunk.phase,
            first_index=chunk.first_index,
            starts_ns=tuple(start - self._claim.origin_ns for start in chunk.starts_ns),
            durations_ns=chunk.durations_ns,
            segment=chunk.segment,
        )

    @property
    def _is_sustained(self) -> bool:
        return self._spec.protocol.regime is Regime.SUSTAINED

    def _order(self, order: Order, phase: Phase) -> None:
        assert self._watch.child is not None
        self._chronicle.enter(phase, self._period_s)
        self._watch.child.order(order)

    def _publish(self, waiting_for: str = "", now_c: float | None = None, ready_in_s: float | None = None) -> None:
        warm_up_s, quiet_s = estimate_quiet_s(self._spec.protocol, self._first_s)
        note = StateNote(
            phase=self._chronicle.phase,
            round=self._round,
            warm_up_s=warm_up_s,
            quiet_s=quiet_s,
            report_every_s=_SUSTAINED_REPORT_S if self._is_sustained else None,
            waiting_for=waiting_for,
            temperature_c=now_c,
            ready_in_s=ready_in_s,
        )
        contact.publish(self._folder.path, note)

    def _failed(self, fault: RunFault) -> Ended:
        return self._ended(Outcome.FAILED, fault=fault.fault, code=fault.code, message=fault.message)

    def _ended(self, outcome: Outcome, *, fault: Fault | None = None, code: str = "", message: str = "") -> Ended:
        measured, contacts_ns = self._measured, [*self._contacts_ns, *self._watch.signals.contacts_ns][:_MOST_CONTACTS]
        return Ended(
            at_ns=self._chronicle.now_ns(),
            outcome=outcome,
            fault=fault,
            code=code,
            message=message,
            stopped_by=None if measured is None else measured.stopped_by,
            peak_rss_bytes=self._sampler.peak_rss_bytes if measured is None else measured.peak_rss_bytes,
            swapped_bytes=self._swapped_bytes,
            back_to_gate=self._returns,
            contacts_ns=tuple(at_ns - self._claim.origin_ns for at_ns in contacts_ns),
        )

    def _finish(self, ended: Ended) -> None:
        self._burner.end()
        self._sampler.sensors.close()
        if self._watch.child is not None:
            self._watch.child.end()
        self._spool.release_reserve()
        try:
            self._chronicle.settle()
        except RunFault as full:
            ended = self._failed(full)
        self._lock.close()
        self._spool.end(ended)
        self._teller.ended(self._claim.agent, ended, self._claim.origin_ns + ended.at_ns)

    def _own_pids(self) -> list[int]:
        child = self._watch.child
        return [os.getpid(), *self._burner.pids, *([child.pid] if child is not None else [])]

    def _child_rss_bytes(self) -> int | None:
        return self._watch.child.rss_bytes() if self._watch.child is not None else None


def _explain(error: Exception) -> RunFault:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunFault("no_space", f"{error.filename or 'the run folder'}: {error.strerror}")
    return RunFault("agent_failed", f"{type(error).__name__}: {error}; the traceback is in agent.log")


def supervise(home: Home, folder: RunFolder, claim: Claim, spec: RunSpec, lock: MachineLock) -> None:
    """Do the attempt and complete its journal."""
    Supervisor(home, folder, claim, spec, lock).run()
