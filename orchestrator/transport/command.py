"""A program that runs at the other end of an SSH channel: its input, its output, its end, each by a deadline.

Knows the shape of a channel, not the library that makes it. Foreign exceptions pass through: `ssh.py` is
their border.
"""

import contextlib
import selectors
import threading
import time
from typing import Protocol, Self

from orchestrator.errors import DeviceError

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
"""Of output and error output together; the largest answer is a piece of a journal of 5 MiB. What is not read here fills
the channel's window, and the board has to wait."""
SILENCE_S = 30.0
"""How long a channel may take nothing of what is sent."""


class Link(Protocol):
    """The connection under a channel: a thread that lives as long as it does."""

    def join(self, timeout: float | None = None) -> None: ...
    def is_alive(self) -> bool: ...


class Channel(Protocol):
    """What is used of paramiko's channel."""

    closed: bool
    exit_status: int
    status_event: threading.Event

    @property
    def eof_received(self) -> int: ...

    def fileno(self) -> int: ...
    def settimeout(self, timeout: float | None) -> None: ...
    def exec_command(self, command: str) -> None: ...
    def sendall(self, s: bytes) -> None: ...
    def shutdown_write(self) -> None: ...
    def recv_ready(self) -> bool: ...
    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr_ready(self) -> bool: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def get_transport(self) -> Link: ...
    def close(self) -> None: ...


class Command:
    """One running program. Output and error stream are collected as they come, so that neither blocks it.

    Lifecycle: starts on entering the `with` block; leaving it closes the channel, not the program.
    """

    def __init__(self, channel: Channel, line: str) -> None:
        self._channel = channel
        self._line = line
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        try:
            self._selector.register(self._channel.fileno(), selectors.EVENT_READ)
            self._channel.settimeout(SILENCE_S)
            self._channel.exec_command(self._line)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._selector.close()
        self._channel.close()

    def send(self, data: bytes) -> None:
        """Send all of `data` to its standard input, as fast as it is taken."""
        self._channel.sendall(data)

    def close_input(self) -> None:
        """End its standard input."""
        self._channel.shutdown_write()

    def give(self, stdin: bytes) -> None:
        """Send a whole standard input. One that the program does not care to read is no fault."""
        with contextlib.suppress(OSError):
            if stdin:
                self.send(stdin)
            self.close_input()

    def line(self, ends_s: float) -> bytes:
        """The next line of its output; raises where it ends without one."""
        while b"\n" not in self._stdout:
            if not self._more(ends_s):
                self._raise_if_cut()
                said = bytes(self._stderr or self._stdout).decode("utf-8", "replace").strip()
                raise DeviceError(f"the board's receiver ended early: {said[-300:] or 'it said nothing'}")
        line, _, self._stdout = self._stdout.partition(b"\n")
        return bytes(line)

    def output(self, ends_s: float) -> tuple[int, bytes, bytes]:
        """Exit code, output and error output, once it has ended. -1 stands for a signal."""
        while self._more(ends_s):
            pass
        if not self._channel.status_event.wait(max(ends_s - time.monotonic(), 0.0)):
            raise TimeoutError("the command did not end in time")
        if self._channel.exit_status == -1:
            self._raise_if_cut()
        return self._channel.exit_status, bytes(self._stdout), bytes(self._stderr)

    def _more(self, ends_s: float) -> bool:
        if time.monotonic() >= ends_s:  # one that prints without end is as late as one that says nothing
            raise TimeoutError("the command did not end in time")
        ended = self._channel.eof_received or self._channel.closed
        if self._channel.recv_ready():
            self._stdout += self._channel.recv(MAX_OUTPUT_BYTES)
        elif self._channel.recv_stderr_ready():
            self._stderr += self._channel.recv_stderr(MAX_OUTPUT_BYTES)
        elif ended:
            return False
        elif not self._selector.select(max(ends_s - time.monotonic(), 0.0)):
            raise TimeoutError("the command did not end in time")
        if len(self._stdout) + len(self._stderr) > MAX_OUTPUT_BYTES:
            raise DeviceError(f"a command printed more than {MAX_OUTPUT_BYTES} bytes")
        return True

    def _raise_if_cut(self) -> None:
        link = self._channel.get_transport()
        link.join(0.3)  # a channel hears of a broken connection slightly before the connection says so
        if not link.is_alive():
            raise EOFError("the connection was cut")
