"""Makes inference on a simulated board as slow as the board's simulated clock; a real board never loads it.

The simulator keeps two small files in the board's hardware tree. `PACE` says how many times longer an inference takes
now than at the highest clock: after each inference, which is real and was done at the host's own speed, the call spins
on until as much of it as was done would have been done. What the spin heats less than the real board's cores would, is
told in `WORK`. A pretended inference is slowed likewise, by sleeping, and all its heat is told.

It is no runtime by itself: `agent.runtimes.load_runtime` puts it around one.
"""

import mmap
import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import RunFault
from agent.runtimes import Feeds, Runtime, Session
from agent.wire.spec import Scalar

PACE, WORK = "firmware/pace", "firmware/work"
PACE_FORM = struct.Struct("<dd")
"""Slowdown, at least 1; cores that a run can use."""
WORK_FORM = struct.Struct("<ddd")
"""Seconds of all cores told so far; since when (0: not now) work is told besides, and its share of all cores."""
_LONGEST_NAP_S = 0.02
_SHORTEST_NAP_S = 1e-4


class Body:
    """The simulated board, seen from inside a run. Lifecycle: open as long as its process lives."""

    def __init__(self, root: Path) -> None:
        self._pace = os.open(root / PACE, os.O_RDONLY | os.O_CLOEXEC)
        work = os.open(root / WORK, os.O_RDWR | os.O_CLOEXEC)
        self._work = mmap.mmap(work, WORK_FORM.size)
        os.close(work)
        self._told_s = WORK_FORM.unpack_from(self._work)[0]
        self._since_s, self._share = 0.0, 0.0

    def look(self) -> tuple[float, float]:
        """How many times longer than at the highest clock an inference takes now, and the cores that a run can use."""
        slowdown, cores = PACE_FORM.unpack(os.pread(self._pace, PACE_FORM.size, 0))
        return max(float(slowdown), 1.0), max(float(cores), 1.0)

    def begin(self, share: float) -> None:
        """Be as warm from now on as if this share of all cores were busy besides what is."""
        self._since_s, self._share = time.monotonic(), share
        WORK_FORM.pack_into(self._work, 0, self._told_s, self._since_s, share)

    def end(self) -> None:
        """Be no warmer than what is busy."""
        self._told_s += (time.monotonic() - self._since_s) * self._share
        WORK_FORM.pack_into(self._work, 0, self._told_s, 0.0, 0.0)


class SlowedSession:
    """A session whose calls take as long as the board's clock makes them."""

    def __init__(self, session: Session, body: Body) -> None:
        self._session, self._body = session, body
        self.inputs, self.outputs = session.inputs, session.outputs
        self.options: Mapping[str, Scalar] = session.options
        self._pretended_share = getattr(session, "pretended_share", None)

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: the session's own, and the rest of its time."""
        call, body, share = self._session.bind(feeds), self._body, self._pretended_share

        def infer() -> Sequence[Any]:
            (slowdown, cores), began_s, spent_s = body.look(), time.monotonic(), time.process_time()
            outputs = call()
            took_s = time.monotonic() - began_s
            if slowdown > 1.0 or body.look()[0] > 1.0:
                used = (time.process_time() - spent_s) / max(took_s, 1e-9)
                body.begin(max(used - 1.0, 0.0) / cores)
                _do_rest(body, took_s - took_s / slowdown, _spin)
                body.end()
            return outputs

        def pretend() -> Sequence[Any]:
            body.begin(float(share or 0.0))
            try:
                (slowdown, _), began_s = body.look(), time.monotonic()
                outputs = call()
                took_s = time.monotonic() - began_s
                _do_rest(body, took_s - took_s / slowdown, _nap)
            finally:
                body.end()
            return outputs

        return infer if share is None else pretend


class SlowedRuntime:
    """A runtime whose sessions are slowed; version and errors are the runtime's own."""

    def __init__(self, runtime: Runtime, body: Body) -> None:
        self._runtime, self._body = runtime, body
        self.version = runtime.version
        self.errors = runtime.errors

    @property
    def pace(self) -> tuple[float, float]:
        """Slowdown now, and the cores that a run can use."""
        return self._body.look()

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> SlowedSession:
        """Load by the runtime; loading is not slowed."""
        return SlowedSession(self._runtime.load(path, threads, options), self._body)


def slow(runtime: Runtime, root: Path) -> Runtime:
    """The runtime at the pace of the simulated board whose hardware tree is `root`."""
    try:
        return SlowedRuntime(runtime, Body(root))
    except (OSError, ValueError) as error:
        raise RunFault("measuring_failed", f"the board's simulated hardware cannot be read: {error}") from error


def _do_rest(body: Body, left_s: float, spend: Callable[[float], None]) -> None:
    """Spend the time that `left_s` seconds of work, as at the highest clock, take at the clock of each moment."""
    at_s = time.monotonic()
    while left_s > 0.0:
        slowdown, _ = body.look()
        spend(left_s * slowdown)
        before_s, at_s = at_s, time.monotonic()
        left_s -= (at_s - before_s) / slowdown


def _spin(seconds: float) -> None:
    """A look at the pace takes its time: that is the spin."""


def _nap(seconds: float) -> None:
    if seconds > _SHORTEST_NAP_S:
        time.sleep(min(seconds, _LONGEST_NAP_S))
