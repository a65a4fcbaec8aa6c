"""The measuring process: loads one model in a fresh interpreter, and times it between two orders.

Invariants: from the start of the warm-up to the end of the window there is no output, and garbage collection is off. A
sustained window is an exception: once a minute, between two inferences, it hands on what it has.
It holds the machine's lock as long as it lives, by an inherited descriptor, and it dies with its agent. It is isolated
before it opens the model.
"""

import ctypes
import functools
import gc
import os
import resource
import signal
import statistics
import sys
import threading
import time
from array import array
from dataclasses import replace
from pathlib import Path

from agent.errors import RunFault
from agent.frames import HEAT_STOP, Failure, Job, Kind, Measured, Order, pack_samples, send_frame
from agent.isolation import isolate
from agent.loading import LoadedModel, load_model
from agent.protocol import Bounds, heat_floor, rest_of, stretch_of, warm_up_bounds, window_bounds
from agent.timing import (
    MIN_CAPACITY,
    Loop,
    Samples,
    capacity_for,
    is_met,
    time_inferences,
    time_paced,
    time_slot,
    warm_up,
)
from agent.wire.codec import dumps, loads
from agent.wire.records import Phase, StoppedBy
from agent.wire.spec import Pace, Regime

_CHUNK = 4096
_JOURNAL_BYTES_EACH = 5  # of one inference of a sustained window, telemetry included
_MOST_HELD = 2**20  # inferences of a stretch: 16 MiB of memory
_PR_SET_PDEATHSIG = 1


class Measurement:
    """One job with its model loaded, up to the last sample or answer.

    Lifecycle: `obey` until the agent has no more orders. A window that heat cut short may be followed by further
    segments, each with a warm-up of its own; the protocol's bounds hold for all of them together.
    """

    def __init__(self, job: Job, model: LoadedModel, orders: int, results: int) -> None:
        self._job, self._model, self._orders, self._results = job, model, orders, results
        self._protocol = job.spec.protocol
        self._most = job.spec.limits.journal_bytes // _JOURNAL_BYTES_EACH
        self._stop = [False]
        self._call = model.call
        self._warm_up = Samples(Phase.WARM_UP, MIN_CAPACITY)
        self._window = Samples(Phase.WINDOW, 0)  # as large as it has to be once the warm-up has shown the pace
        self._bounds = window_bounds(self._protocol.window)
        self._segment = 0
        self._sent = {Phase.WARM_UP: 0, Phase.WINDOW: 0}
        self._counted_ns = array("q")
        self._loop = _loop_of(self._protocol.pace)
        self._fastest_ns = max(model.first_ns // 4, 1)
        self._slot_s = 0.0 if self._protocol.ramp is None else self._protocol.ramp.slot_s
        self._tell_every_ns = int(self._protocol.report_every_s * 1e9)

    def obey(self) -> None:
        """Warm up and measure as the agent orders; raises `RunFault`, into which the runtime's own are translated."""
        try:
            self._obey()
        except self._model.runtime.errors as error:
            raise RunFault("inference_failed", f"an inference failed after loading well: {error}") from error

    def _obey(self) -> None:
        signal.signal(HEAT_STOP, lambda *_: self._stop.__setitem__(0, True))
        while order := os.read(self._orders, 1):
            if order == Order.WARM_UP.value:
                self._stop[0] = False
                self._warm()
                send_frame(self._results, Kind.WARMED)
            elif order == Order.SLOT.value:
                self._infer_slot()
            elif order == Order.PROFILE.value:
                self._profile()
            elif order == Order.EVALUATE.value:
                self._evaluate()
            else:
                self._measure()

    def _profile(self) -> None:
        """Profile in a session of its own; the measured one knew nothing of it."""
        spec, model = self._job.spec, Path(self._job.model_path)
        profiler = getattr(self._model.runtime, "profile", None)
        if spec.profiling is None or profiler is None:
            raise RunFault("no_profiler", f"{spec.runtime} has no profiler that this agent knows")
        profiled = profiler(model, spec.threads, spec.runtime_options, self._model.feeds, spec.profiling)
        send_frame(self._results, Kind.PROFILED, dumps(profiled).encode())

    def _evaluate(self) -> None:
        """Answer the data set, each example announced; the answers are told in chunks."""
        from agent.evaluate import Evaluator  # numpy: only where there is something to evaluate

        evaluation, path = self._job.spec.evaluation, self._job.data_path
        assert evaluation is not None and path is not None  # else it is not ordered
        Evaluator(
            self._model.session,
            evaluation,
            Path(path),
            begin=lambda: send_frame(self._results, Kind.BEGUN),
            say=lambda predicted: send_frame(self._results, Kind.PREDICTED, dumps(predicted).encode()),
        ).run()
        send_frame(self._results, Kind.DONE)

    def _warm(self) -> None:
        _still_garbage()
        first, rule = self._warm_up.count, self._protocol.warm_up
        bounds = warm_up_bounds(rule)
        warm_up(self._call, self._warm_up, bounds, rule.steady_within, loop=self._loop, stop=self._stop)
        seen = self._warm_up.durations_ns[first : self._warm_up.count]
        self._fastest_ns = min(seen, default=self._fastest_ns)
        pace = self._protocol.pace
        fastest_ns = self._fastest_ns if pace is None else max(self._fastest_ns, pace.period_ns)
        is_long = self._protocol.is_long and pace is None
        held = stretch_of(self._bounds, self._tell_every_ns) if is_long else self._bounds
        self._window = Samples(Phase.WINDOW, capacity_for(held, fastest_ns, min(self._most, _MOST_HELD)))

    def _measure(self) -> None:
        samples, bounds = self._window, self._bounds
        inferences = self._fill(samples, bounds)
        ended = self._judge(samples, bounds, inferences)
        send_frame(self._results, Kind.MEASURED, dumps(ended).encode())
        for part in (self._warm_up, samples):
            self._tell(part)
        send_frame(self._results, Kind.DONE)
        self._warm_up, self._segment = Samples(Phase.WARM_UP, MIN_CAPACITY), self._segment + 1
        self._bounds = rest_of(bounds, samples.count, samples.lasted_ns)

    def _infer_slot(self) -> None:
        """One slot of a sweep, told at once; the warm-up with the first."""
        self._stop[0] = False
        slot = time_slot(self._call, self._slot_s, stop=self._stop)
        for part in (self._warm_up, slot):
            self._tell(part)
        send_frame(self._results, Kind.DONE)

    def _fill(self, samples: Samples, bounds: Bounds) -> int:
        """The window, at once; a sustained one in stretches, after each of which the agent is told; how many."""
        begin_ns = time.monotonic_ns()
        if self._protocol.regime is not Regime.SUSTAINED:
            self._loop(self._call, samples, bounds, begin_ns=begin_ns, stop=self._stop)
            return samples.count
        forgotten = 0
        while True:
            left = replace(bounds, min_inferences=max(0, bounds.min_inferences - forgotten))
            until = stretch_of(left, samples.lasted_ns + self._tell_every_ns)
            self._loop(self._call, samples, until, begin_ns=begin_ns, stop=self._stop)
            if is_met(samples, left) or self._stop[0]:
                return forgotten + samples.count
            if samples.is_full and self._protocol.pace is not None:
                return forgotten + samples.count  # whose times count from its first inference, which is needed
            for part in (self._warm_up, samples):
                self._tell(part)
            if self._sent[Phase.WINDOW] >= self._most:
                return forgotten + samples.count
            if self._protocol.pace is None:
                forgotten, samples.count, samples.told = forgotten + samples.count, 0, 0

    def _judge(self, samples: Samples, bounds: Bounds, inferences: int) -> Measured:
        """How the window ended; after heat also whether all segments together are still too few."""
        window, why = self._protocol.window, _why(inferences, samples.lasted_ns, bounds, self._stop[0])
        needs_segment = False
        if why is StoppedBy.HEAT and self._segment + 1 < window.segments:
            self._counted_ns += samples.durations_ns[: samples.count]
            needs_segment = len(self._counted_ns) < heat_floor(window, statistics.median(self._counted_ns))
        return Measured(stopped_by=why, peak_rss_bytes=peak_rss_bytes(), needs_segment=needs_segment)

    def _tell(self, samples: Samples) -> None:
        """Hand on what the agent has not been told yet."""
        before = self._sent[samples.phase] - samples.told
        for first in range(samples.told, samples.count, _CHUNK):
            end = min(first + _CHUNK, samples.count)
            starts, durations = samples.starts_ns[first:end], samples.durations_ns[first:end]
            chunk = pack_samples(samples.phase, self._segment, before + first, starts, durations)
            send_frame(self._results, Kind.SAMPLES, chunk)
        self._sent[samples.phase] += samples.count - samples.told
        samples.told = samples.count


def run_measurement(orders: int, results: int) -> int:
    """Do the job that the first line of `orders` describes; exit code of the process."""
    job = loads(Job, _read_line(orders))
    try:
        isolate(job.network)
        _die_with(job.agent_pid)
        model, loaded = load_model(job)
        send_frame(results, Kind.LOADED, dumps(loaded).encode())
        Measurement(job, model, orders, results).obey()
    except RunFault as fault:
        send_frame(results, Kind.FAILED, dumps(Failure(code=fault.code, message=fault.message)).encode())
    except MemoryError:
        failure = Failure(code="out_of_memory", message="the model does not fit into this board's memory")
        send_frame(results, Kind.FAILED, dumps(failure).encode())
    return 0


def peak_rss_bytes() -> int:
    """The most resident memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _read_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (more := os.read(descriptor, 65536)):
        line += more
    return line


def _why(inferences: int, lasted_ns: int, bounds: Bounds, heat: bool) -> StoppedBy:
    if inferences >= bounds.min_inferences and lasted_ns >= bounds.min_ns:
        return StoppedBy.ENOUGH
    if lasted_ns >= bounds.max_ns:
        return StoppedBy.TIME
    if heat:
        return StoppedBy.HEAT
    raise RunFault(
        "too_many_inferences",
        f"limits.journal_bytes: {inferences} inferences fill it too early; raise it or shorten the window",
    )


def _loop_of(pace: Pace | None) -> Loop:
    return time_inferences if pace is None else functools.partial(time_paced, period_ns=pace.period_ns)


def _still_garbage() -> None:
    gc.collect()
    gc.freeze()
    gc.disable()


def _die_with(agent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(agent_pid,), daemon=True).start()
    if os.getppid() != agent_pid:
        os._exit(1)


def _watch(agent_pid: int) -> None:
    while os.getppid() == agent_pid:
        time.sleep(1.0)
    os._exit(1)
