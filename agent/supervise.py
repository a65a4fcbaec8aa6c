"""The agent of one attempt: detached, it takes the run through its phases and writes the journal.

    GATE -> LOAD -> READY -> WARM_UP -> WINDOW -> END        (a busy board goes from WARM_UP back to GATE)

Invariants: it imports the standard library only; nothing is written to disk between the start of the warm-up and the
end of the window (in a sustained run telemetry is, once a minute); however the run ends, the measuring process is gone
and the lock is free before the end record can be read.

Lifecycle: `supervise` does everything and returns when the journal is complete.
"""

import os
import time
import traceback
from collections.abc import Iterator

from agent import bundle, contact
from agent.burner import BurnerProcesses
from agent.child import MeasuringProcess
from agent.claim import Claim, RunFolder
from agent.contact import StateNote
from agent.device import read_facts
from agent.errors import RunAborted, RunFault
from agent.frames import Failure, Job, Kind, Measured, Order, unpack_samples
from agent.home import Home
from agent.lock import MachineLock
from agent.machine import uptime_s
from agent.processes import is_alive
from agent.protocol import (
    MAX_RETURNS_TO_GATE,
    Decision,
    GateKeeper,
    GateStep,
    Reading,
    estimate_quiet_s,
    is_disturbed,
)
from agent.sensors.discover import find_sensors
from agent.sensors.load import tick_share
from agent.spool import Spool
from agent.telemetry import CHUNK, Sampler
from agent.watch import Signals, Watch
from agent.wire.codec import loads
from agent.wire.records import (
    Claimed,
    Ended,
    Environment,
    Fault,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    Record,
    StoppedBy,
)
from agent.wire.spec import Regime, RunSpec

_GATE_PERIOD_S = 0.5
_SUSTAINED_REPORT_S = 60.0
_CONTACT_POLL_S = 0.03
_CONTACT_PATIENCE_S = 30.0
_SETTLE_S = 0.05
_PUBLISH_EVERY_S = 2.0
_MOST_CONTACTS = 100


class Supervisor:
    """One attempt, from its claim to its end record."""

    def __init__(self, home: Home, folder: RunFolder, claim: Claim, spec: RunSpec, lock: MachineLock) -> None:
        self._home, self._folder, self._claim, self._spec, self._lock = home, folder, claim, spec, lock
        self._spool = Spool(folder.path)
        self._burner = BurnerProcesses()
        sensors = find_sensors(home.root, self._own_pids)
        sampler = Sampler(sensors, claim.origin_ns, self._child_rss, period_s=_GATE_PERIOD_S)
        self._watch = Watch(sampler, Signals(), spec.limits)
        self._quiet: list[Record] | None = None  # what waits to be written until the window is over
        self._phase = Phase.GATE
        self._round = 0
        self._first_s = 0.0
        self._stopped_by: StoppedBy | None = None
        self._peak_rss_bytes: int | None = None

    def run(self) -> None:
        """Take the run through its phases; whatever happens becomes the end record."""
        try:
            self._measure()
            ended = self._ended(Outcome.COMPLETED)
        except RunAborted as asked:
            ended = self._ended(Outcome.ABORTED, code="aborted", message=str(asked))
        except RunFault as fault:
            ended = self._ended(Outcome.FAILED, fault=fault.fault, code=fault.code, message=fault.message)
        except Exception as error:  # noqa: BLE001  # the top of the agent: a bug of ours is data too
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}; the traceback is in agent.log"
            ended = self._ended(Outcome.FAILED, fault=Fault.AGENT, code="agent_failed", message=text)
        self._finish(ended)

    def _measure(self) -> None:
        self._introduce()
        self._pass_gate()
        with self._watch.on_the_clock():
            self._load()
        while True:
            self._wait_for_quiet()
            with self._watch.on_the_clock():
                if not self._warm_up() or self._round > MAX_RETURNS_TO_GATE:
                    self._measure_window()
                    return
            self._write_kept()
            self._pass_gate()

    def _introduce(self) -> None:
        spec = self._spec
        claimed = Claimed(
            run_id=spec.run_id,
            attempt=spec.attempt,
            bundle_hash=spec.bundle_hash,
            boot_id=self._claim.boot_id,
            board_time_s=time.time(),
            uptime_s=uptime_s(),
        )
        sensors = self._watch.sampler.sensors
        environment = Environment(
            measuring_hash=bundle.measuring_hash(),
            facts=read_facts(self._home),
            sources=sensors.sources,
            absent=sensors.absent,
        )
        self._note(claimed, environment)

    def _pass_gate(self) -> None:
        self._enter(Phase.GATE, max(self._spec.protocol.telemetry_period_s, _GATE_PERIOD_S))
        keeper = GateKeeper(self._spec.protocol.gate)
        try:
            decision, reading = next(pair for pair in self._gate_decisions(keeper) if pair[0].is_final)
        finally:
            self._burner.end()
        self._round += 1
        self._note(
            GatePassed(
                at_ns=self._now_ns(),
                waited_s=keeper.waited_s,
                timed_out=decision.step is GateStep.TIMED_OUT,
                reason=decision.reason,
                temperature_c=reading.temperature_c,
                start_c=keeper.start_c,
                idle_c=keeper.idle_c,
                foreign_cpu=keeper.foreign_cpu,
            )
        )

    def _gate_decisions(self, keeper: GateKeeper) -> Iterator[tuple[Decision, Reading]]:
        published_s = float("-inf")
        for event in self._watch.events():
            if not isinstance(event, Reading):
                continue
            decision = keeper.decide(event)
            self._burner.set(decision.burner)
            if self._watch.sampler.pending >= CHUNK:
                self._write_telemetry()
            if event.at_s - published_s >= _PUBLISH_EVERY_S and not decision.is_final:
                published_s = event.at_s
                self._publish(waiting_for=decision.reason, temperature_c=event.temperature_c)
            yield decision, event

    def _load(self) -> None:
        self._enter(Phase.LOAD, self._spec.protocol.telemetry_period_s)
        self._publish()
        spec = self._spec
        model = self._home.artifact(spec.artifact_id, spec.main_file)
        job = Job(spec=spec, model_path=str(model), origin_ns=self._claim.origin_ns, agent_pid=os.getpid())
        command = bundle.command_line(self._home.interpreter(spec.runtime), "measure")
        self._watch.child = MeasuringProcess(command, job, self._lock.descriptor)
        self._folder.note_measuring(self._watch.child.identify())
        loaded = loads(Loaded, self._await(Kind.LOADED))
        self._watch.is_loaded = True
        self._first_s = loaded.first_ns / 1e9
        self._note(loaded)

    def _wait_for_quiet(self) -> None:
        self._enter(Phase.READY, self._spec.protocol.telemetry_period_s)
        self._write_telemetry()
        self._spool.sync()
        self._publish()
        since_ns = time.monotonic_ns()
        while not self._may_begin(since_ns):
            self._idle(_CONTACT_POLL_S)
        self._idle(_SETTLE_S)

    def _may_begin(self, since_ns: int) -> bool:
        took = contact.read_pick_up(self._folder.path, self._round)
        if took is not None:
            patience_ns = int(_CONTACT_PATIENCE_S * 1e9)
            return not is_alive(took.by) or time.monotonic_ns() - took.at_ns > patience_ns
        promised_ns = contact.promised_until_ns(self._folder.path) or since_ns
        if time.monotonic_ns() < promised_ns + int(contact.GRACE_S * 1e9):
            return False
        return contact.pick_up(self._folder.path, self._round).by == self._claim.agent

    def _warm_up(self) -> bool:
        self._quiet = []
        self._watch.signals.contacts_ns.clear()
        began_s = time.monotonic()
        self._enter(Phase.WARM_UP, self._spec.protocol.telemetry_period_s)
        self._order(Order.WARM_UP)
        self._await(Kind.WARMED)
        gate = self._spec.protocol.gate
        readings = [reading for reading in self._watch.sampler.readings if reading.at_s >= began_s]
        window_s = min(gate.load_window_s, time.monotonic() - began_s)
        return is_disturbed(gate, readings, tick_share=tick_share(window_s))

    def _measure_window(self) -> None:
        self._enter(Phase.WINDOW, self._spec.protocol.telemetry_period_s)
        self._order(Order.WINDOW)
        measured = loads(Measured, self._await(Kind.MEASURED, in_window=True))
        self._stopped_by, self._peak_rss_bytes = measured.stopped_by, measured.peak_rss_bytes
        self._enter(Phase.END, self._spec.protocol.telemetry_period_s)
        self._write_kept()
        self._publish()
        for kind, payload in self._messages():
            if kind is Kind.DONE:
                return
            self._note(self._inferences(payload))

    def _inferences(self, payload: bytes) -> Inferences:
        phase, first_index, starts_ns, durations_ns = unpack_samples(payload)
        since_claim = tuple(start - self._claim.origin_ns for start in starts_ns)
        return Inferences(phase=phase, first_index=first_index, starts_ns=since_claim, durations_ns=durations_ns)

    def _messages(self, *, in_window: bool = False) -> Iterator[tuple[Kind, bytes]]:
        next_report_s = time.monotonic() + _SUSTAINED_REPORT_S
        for event in self._watch.events():
            if not isinstance(event, Reading):
                if event[0] is Kind.FAILED:
                    failure = loads(Failure, event[1])
                    raise RunFault(failure.code, failure.message)
                yield event
            elif in_window:
                self._stop_when_hot(event)
                if self._report_every_s is not None and event.at_s >= next_report_s:
                    next_report_s += self._report_every_s
                    self._write_kept()
                    self._quiet = []

    def _await(self, wanted: Kind, *, in_window: bool = False) -> bytes:
        return next(payload for kind, payload in self._messages(in_window=in_window) if kind is wanted)

    def _stop_when_hot(self, reading: Reading) -> None:
        stop_c = self._spec.protocol.window.stop_c
        child = self._watch.child
        if stop_c is not None and reading.temperature_c is not None and reading.temperature_c >= stop_c and child:
            child.stop_window()

    @property
    def _report_every_s(self) -> float | None:
        return _SUSTAINED_REPORT_S if self._spec.protocol.regime is Regime.SUSTAINED else None

    def _order(self, order: Order) -> None:
        assert self._watch.child is not None
        self._watch.child.order(order)

    def _enter(self, phase: Phase, period_s: float) -> None:
        self._phase = phase
        self._watch.sampler.period_s = period_s
        self._note(PhaseEntered(phase=phase, at_ns=self._now_ns()))

    def _note(self, *records: Record) -> None:
        if self._quiet is None:
            self._spool.append(*records)
        else:
            self._quiet += records

    def _write_kept(self) -> None:
        kept, self._quiet = self._quiet or [], None
        self._note(*kept)
        self._write_telemetry()

    def _write_telemetry(self) -> None:
        self._note(*self._watch.sampler.drain())

    def _publish(self, *, waiting_for: str = "", temperature_c: float | None = None) -> None:
        warm_up_s, quiet_s = estimate_quiet_s(self._spec.protocol, self._first_s)
        note = StateNote(
            phase=self._phase,
            round=self._round,
            warm_up_s=warm_up_s,
            quiet_s=quiet_s,
            report_every_s=self._report_every_s,
            waiting_for=waiting_for,
            temperature_c=temperature_c,
        )
        contact.publish(self._folder.path, note)

    def _idle(self, seconds: float) -> None:
        until_ns = time.monotonic_ns() + int(seconds * 1e9)
        for kind, payload in (event for event in self._watch.events(until_ns) if not isinstance(event, Reading)):
            if kind is Kind.FAILED:
                failure = loads(Failure, payload)
                raise RunFault(failure.code, failure.message)

    def _ended(self, outcome: Outcome, *, fault: Fault | None = None, code: str = "", message: str = "") -> Ended:
        return Ended(
            at_ns=self._now_ns(),
            outcome=outcome,
            fault=fault,
            code=code,
            message=message,
            stopped_by=self._stopped_by,
            peak_rss_bytes=self._peak_rss_bytes or self._watch.sampler.peak_rss_bytes,
            back_to_gate=max(self._round - 1, 0),
            contacts_ns=self._contacts_ns(),
        )

    def _finish(self, ended: Ended) -> None:
        self._burner.end()
        if self._watch.child is not None:
            self._watch.child.end()
        self._spool.release_reserve()
        try:
            self._write_kept()
        except RunFault as full:
            ended = self._ended(Outcome.FAILED, fault=full.fault, code=full.code, message=full.message)
        self._spool.sync()
        self._lock.close()
        self._spool.end(ended)
        self._spool.close()

    def _contacts_ns(self) -> tuple[int, ...]:
        times = (at_ns - self._claim.origin_ns for at_ns in self._watch.signals.contacts_ns)
        return tuple(times)[:_MOST_CONTACTS]

    def _own_pids(self) -> list[int]:
        child = self._watch.child
        return [os.getpid(), *self._burner.pids, *([child.pid] if child is not None else [])]

    def _child_rss(self) -> int | None:
        return None if self._watch.child is None else self._watch.child.rss_bytes()

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._claim.origin_ns


def supervise(home: Home, folder: RunFolder, claim: Claim, spec: RunSpec, lock: MachineLock) -> None:
    """Do the attempt and complete its journal."""
    Supervisor(home, folder, claim, spec, lock).run()
