"""The agent's hold on the measuring process: spawn, orders, messages, end."""

import collections
import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.errors import RunFault, explain_death
from agent.frames import HEAT_STOP, FrameReader, Job, Kind, Order
from agent.isolation import PRIVATE_UMASK
from agent.processes import ProcessId, identify, rss_bytes
from agent.runtimes import spinning_environment
from agent.wire.codec import dumps

_READ_BYTES = 256 * 1024
_LAST_WORDS_BYTES = 4096
_LAST_BREATH_S = 5.0
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class MeasuringProcess:
    """One fresh process for one run, in a folder of its own and with an environment that says nothing of the agent's.

    Lifecycle: made running, with the job on its way; `read` when one of `descriptors` has something, `take` what came;
    `order`; `end` in any case. What it prints is kept in memory, never written to disk: only its end is of use.
    """

    def __init__(self, argv: Sequence[str], job: Job, lock_descriptor: int, folder: Path) -> None:
        orders, self._orders = os.pipe()
        self._results, results = os.pipe()
        self._printed, prints = os.pipe()
        command = [*argv, "--orders", str(orders), "--results", str(results)]
        passed = (orders, results, lock_descriptor)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=prints,
                pass_fds=passed,
                cwd=folder,
                env={
                    **_ENVIRONMENT,
                    **spinning_environment(job.spec.runtime_options),
                    "HOME": str(folder),
                    "TMPDIR": str(folder),
                },
                umask=PRIVATE_UMASK,
            )
        finally:
            for descriptor in (orders, results, prints):
                os.close(descriptor)
        self._reader = FrameReader()
        self._messages: collections.deque[tuple[Kind, bytes]] = collections.deque()
        self._words: collections.deque[bytes] = collections.deque(maxlen=8)
        self._open = {self._results, self._printed}
        self._send(dumps(job).encode() + b"\n")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def descriptors(self) -> frozenset[int]:
        """What to wait on; empty once it has closed everything."""
        return frozenset(self._open)

    @property
    def is_silent(self) -> bool:
        """Whether no message can come any more, and all that came were taken."""
        return self._results not in self._open and not self._messages

    def identify(self) -> ProcessId | None:
        """Its pid and start time."""
        return identify(self.pid)

    def rss_bytes(self) -> int | None:
        """Its resident memory now."""
        return rss_bytes(self.pid)

    def read(self, descriptor: int) -> None:
        """Take in what has come on a ready descriptor."""
        data = os.read(descriptor, _READ_BYTES)
        if not data:
            self._open.discard(descriptor)
        elif descriptor == self._printed:
            self._words.append(data[-_LAST_WORDS_BYTES:])
        else:
            self._messages.extend(self._reader.feed(data))

    def take(self) -> tuple[Kind, bytes] | None:
        """The oldest message that was not taken yet: each is given once, however its taker is interrupted."""
        return self._messages.popleft() if self._messages else None

    def order(self, order: Order) -> None:
        """Tell it to go on."""
        try:
            os.write(self._orders, order.value)
        except BrokenPipeError as error:
            raise self.explain(loaded=True) from error

    def stop_window(self) -> None:
        """Ask it to end the window after the inference at hand."""
        self._process.send_signal(HEAT_STOP)

    def _send(self, job: bytes) -> None:
        """The job, which may be larger than the pipe; a process that is gone before it was read is explained later."""
        rest = memoryview(job)
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._orders, rest) :]

    def explain(self, *, loaded: bool) -> RunFault:
        """Why it is gone, in its own last words."""
        try:
            return_code = self._process.wait(timeout=_LAST_BREATH_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return_code = self._process.wait()
        text = b"".join(self._words).decode(errors="replace").strip()
        return explain_death(return_code, loaded=loaded, last_words=text[-500:])

    def end(self) -> None:
        """Kill it if it still lives, reap it, close the pipes; may be called twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for descriptor in (self._orders, self._results, self._printed):
            if descriptor >= 0:
                os.close(descriptor)
        self._orders = self._results = self._printed = -1
        self._open.clear()
