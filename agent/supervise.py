"""The agent of one attempt: detached, it takes the run through its phases and writes the journal.

    GATE -> LOAD -> READY -> [IDLE ->] WARM_UP -> WINDOW -> [COOLING ->] END
                                        (a busy board goes from WARM_UP back to GATE, and a hot one from WINDOW, for a
                                         further segment; IDLE and COOLING where the protocol asks for them)
    GATE -> LOAD -> EVALUATING -> END    where the spec has an evaluation

Invariants: it imports the standard library only; nothing is written to disk between the start of the warm-up and the
end of the window (in a long run telemetry and inferences are, once a minute); however the run ends, the measuring
process is gone and the lock is free before the end record can be read.

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
from agent.answering import Answering
from agent.burner import BurnerProcesses
from agent.child import MeasuringProcess
from agent.chronicle import Chronicle
from agent.claim import teller
from agent.contact import StateNote
from agent.errors import RunAborted, RunFault
from agent.etiquette import Etiquette
from agent.fan import SteeredFan
from agent.frames import Job, Kind, Order
from agent.gate import PERIOD_S, pass_gate
from agent.gatekeeper import LIVE_BITS
from agent.home import Home
from agent.isolation import network_here
from agent.lock import MachineLock
from agent.protocol import MAX_RETURNS_TO_GATE, estimate_quiet_s
from agent.quiet_window import QuietWindow
from agent.remembered import recall_cooling, remember_cooling
from agent.run_folder import Claim, RunFolder
from agent.sensors.discover import find_sensors
from agent.spool import Spool
from agent.telemetry import Sampler
from agent.watch import Signals, Watch
from agent.wire.answers import Progress
from agent.wire.codec import loads
from agent.wire.profile import Profiled
from agent.wire.records import Ended, Fault, Loaded, Outcome, Phase
from agent.wire.spec import RunSpec


class Supervisor:
    """The phases of one attempt, up to what has to be said at its end."""

    def __init__(self, home: Home, folder: RunFolder, claim: Claim, spec: RunSpec, lock: MachineLock) -> None:
        self._home, self._folder, self._claim, self._spec, self._lock = home, folder, claim, spec, lock
        self._period_s, self._report_every_s = spec.protocol.telemetry_period_s, spec.protocol.report_every_s
        self._burner = BurnerProcesses()
        self._fan = SteeredFan(home)
        sensors = find_sensors(home.root, self._own_pids, home.notes.thermometer)
        self._sampler = Sampler(sensors, claim.origin_ns, self._child_rss_bytes)
        self._watch = Watch(self._sampler, Signals(), spec.limits)
        self._spool = Spool(folder.path)
        self._chronicle = Chronicle(self._spool, self._sampler, claim.origin_ns)
        self._teller = teller(home, spec, claim)
        asked, self._model = spec.evaluation, home.artifact(spec.artifact_id, spec.main_file)
        self._data = None if asked is None else home.artifact(asked.dataset_id, asked.main_file)
        self._interpreter = home.interpreter(spec.runtime)
        needed = (self._model, Path(self._interpreter), bundle.location(), self._data or self._model)
        self._network = network_here(needed)
        self._etiquette = Etiquette(folder.path, claim.agent, self._watch.idle)
        self._quiet = QuietWindow(spec.protocol, self._watch, self._chronicle, claim.origin_ns, self._burner, self._fan)
        self._round = 0
        self._returns = 0
        self._first_s = 0.0

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
        if self._spec.evaluation is not None:
            self._evaluate()
            return
        while True:
            self._wait_for_quiet()
            with self._watch.on_the_clock():
                if not self._quiet.warm_up() or self._returns >= MAX_RETURNS_TO_GATE:
                    self._measure_window()
                    if not self._quiet.needs_segment:
                        break
                else:
                    self._returns += 1
            self._chronicle.speak()
            self._pass_gate()
        self._profile()
        self._record_cooling()

    def _introduce(self) -> None:
        self._chronicle.note(introduction.claimed(self._spec, self._claim))
        fan = {} if self._spec.protocol.ramp is None else self._fan.find()
        found, sensors = {**tuning.renew(self._home), **fan}, self._sampler.sensors
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
            data_path=None if self._data is None else str(self._data),
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
            self._round, min(quiet_s, self._report_every_s) if self._spec.protocol.is_long else quiet_s
        )

    def _measure_window(self) -> None:
        self._quiet.measure()
        if not self._quiet.needs_segment:
            cooling_s = self._spec.protocol.recorded_cooling_s
            self._chronicle.enter(Phase.COOLING if cooling_s else Phase.END, self._period_s)
            self._spool.release_reserve()
            self._chronicle.speak()
            self._publish(until_ns=time.monotonic_ns() + int(cooling_s * 1e9))
        self._quiet.take_rest()

    def _evaluate(self) -> None:
        """Have the data set answered; its answers take the room that was set aside for the journal."""
        self._chronicle.enter(Phase.EVALUATING, self._period_s)
        self._spool.release_reserve()
        with self._watch.on_the_clock():
            Answering(
                self._spec, self._watch, self._chronicle, self._spool, first_s=self._first_s, tell=self._tell_progress
            ).run()
        self._chronicle.enter(Phase.END, self._period_s)
        self._publish()

    def _profile(self) -> None:
        """Let the runtime profile the model, now that nothing is timed any more."""
        profiling = self._spec.profiling
        if profiling is None or self._watch.child is None:
            return
        expected_s = 1.0 + (profiling.warm_ups + profiling.inferences) * self._first_s
        self._publish(until_ns=time.monotonic_ns() + int(expected_s * 1e9))
        with self._watch.on_the_clock():
            self._watch.child.order(Order.PROFILE)
            self._chronicle.note(loads(Profiled, self._watch.expect(Kind.PROFILED)))

    def _record_cooling(self) -> None:
        """Let the board cool after its window, the measuring process being gone; written down once a minute."""
        ends_ns = time.monotonic_ns() + int(self._spec.protocol.recorded_cooling_s * 1e9)
        if self._chronicle.phase is not Phase.COOLING or self._watch.child is None:
            return
        self._watch.child.end()
        self._watch.child = None
        while (left_s := (ends_ns - time.monotonic_ns()) / 1e9) > 0:
            self._watch.idle(min(left_s, self._report_every_s))
            self._chronicle.speak()
        self._chronicle.enter(Phase.END, self._period_s)
        self._publish()

    def _publish(
        self,
        waiting_for: str = "",
        now_c: float | None = None,
        ready_in_s: float | None = None,
        until_ns: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        warm_up_s, quiet_s = estimate_quiet_s(self._spec.protocol, self._first_s)
        is_reporting = self._spec.protocol.is_long or self._spec.evaluation is not None
        note = StateNote(
            phase=self._chronicle.phase,
            round=self._round,
            warm_up_s=warm_up_s,
            quiet_s=quiet_s,
            report_every_s=self._report_every_s if is_reporting else None,
            waiting_for=waiting_for,
            temperature_c=now_c,
            ready_in_s=ready_in_s,
            until_ns=until_ns,
            progress=progress,
        )
        contact.publish(self._folder.path, note)

    def _tell_progress(self, progress: Progress, until_ns: int) -> None:
        self._publish(until_ns=until_ns, progress=progress)

    def _failed(self, fault: RunFault) -> Ended:
        return self._ended(Outcome.FAILED, fault=fault.fault, code=fault.code, message=fault.message)

    def _ended(self, outcome: Outcome, *, fault: Fault | None = None, code: str = "", message: str = "") -> Ended:
        measured = self._quiet.measured
        return Ended(
            at_ns=self._chronicle.now_ns(),
            outcome=outcome,
            fault=fault,
            code=code,
            message=message,
            stopped_by=None if measured is None else measured.stopped_by,
            peak_rss_bytes=self._sampler.peak_rss_bytes if measured is None else measured.peak_rss_bytes,
            swapped_bytes=self._quiet.swapped_bytes,
            back_to_gate=self._returns,
            contacts_ns=self._quiet.contacts_ns,
            swept=self._quiet.swept,
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
