"""A program on a board that prints without end: neither memory nor time is given to it beyond a limit."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from orchestrator.errors import DeviceError
from orchestrator.transport.command import MAX_OUTPUT_BYTES, Command, Link


class EndlessChannel:
    """A channel that always has `piece` more, on its output or its error output."""

    closed = False
    exit_status = -1
    eof_received = 0

    def __init__(self, piece: bytes, *, is_error: bool) -> None:
        self._piece, self._is_error = piece, is_error
        self._pipe = os.pipe()
        self.status_event = threading.Event()

    def fileno(self) -> int:
        return self._pipe[0]

    def settimeout(self, timeout: float | None) -> None: ...
    def exec_command(self, command: str) -> None: ...
    def sendall(self, s: bytes) -> None: ...
    def shutdown_write(self) -> None: ...

    def recv_ready(self) -> bool:
        return not self._is_error

    def recv_stderr_ready(self) -> bool:
        return self._is_error

    def recv(self, nbytes: int) -> bytes:
        return self._piece

    def recv_stderr(self, nbytes: int) -> bytes:
        return self._piece

    def get_transport(self) -> Link:
        return threading.Thread()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            for end in self._pipe:
                os.close(end)


@pytest.fixture(params=[False, True], ids=["output", "error output"])
def is_error(request: pytest.FixtureRequest) -> Iterator[bool]:
    """On which of the two it prints."""
    yield request.param


def test_gigabytes_are_refused(is_error: bool) -> None:
    channel = EndlessChannel(b"x" * 2**20, is_error=is_error)
    with Command(channel, "yes") as command, pytest.raises(DeviceError, match=f"more than {MAX_OUTPUT_BYTES} bytes"):
        command.output(time.monotonic() + 60)


def test_a_trickle_without_end_is_out_of_time(is_error: bool) -> None:
    channel = EndlessChannel(b"x", is_error=is_error)
    with Command(channel, "yes") as command, pytest.raises(TimeoutError):
        command.output(time.monotonic() + 0.05)


def test_a_line_without_end_is_refused(is_error: bool) -> None:
    channel = EndlessChannel(b"x" * 2**20, is_error=is_error)
    with Command(channel, "yes") as command, pytest.raises(DeviceError):
        command.line(time.monotonic() + 60)
