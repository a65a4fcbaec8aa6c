"""A program that somebody runs on a simulated board over SSH.

It is a process of its own session and lives on when its connection ends, as under sshd; its pipes do not.
"""

import asyncio
import contextlib
import subprocess
import threading
from typing import IO, Self

import asyncssh

from orchestrator.simulator.board import BoardBody

_PIECE_BYTES = 64 * 1024


class Program:
    """A running process and the board's ends of its three pipes.

    Lifecycle: `serve` passes data on until the process has ended and closed its output, or the connection breaks.
    """

    def __init__(
        self,
        ended: asyncio.Future[int],
        stdin: asyncio.StreamWriter,
        outputs: list[tuple[asyncio.StreamReader, asyncio.ReadTransport]],
        body: BoardBody,
    ) -> None:
        self._body = body
        self._ended = ended
        self._stdin = stdin
        self._outputs = outputs

    @classmethod
    async def start(cls, command: str, body: BoardBody) -> Self:
        """Run a shell command in the board's home."""
        child = subprocess.Popen(
            body.argv(command),
            cwd=body.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        outputs = [await _reader(child.stdout), await _reader(child.stderr)]
        return cls(_end_of(child), await _writer(child.stdin), outputs, body)

    async def serve(self, process: asyncssh.SSHServerProcess[bytes]) -> int:
        """Be the pipes between the process and its caller; gives the exit code, negative for a signal."""
        feeding = asyncio.create_task(self._feed(process))
        try:
            (stdout, _), (stderr, _) = self._outputs
            await asyncio.gather(self._answer(stdout, process.stdout), _pass_on(stderr, process.stderr))
            return await self._ended
        finally:
            feeding.cancel()
            self._stdin.close()
            for _, transport in self._outputs:
                transport.close()

    async def _answer(self, stdout: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
        if self._body.scenario.time_scale != 1.0:
            with contextlib.suppress(ValueError):  # a line that no answer is as long as goes on as it is
                to.write(self._body.in_host_time(await stdout.readline()))
        await _pass_on(stdout, to)

    async def _feed(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        with contextlib.suppress(OSError, asyncssh.Error):  # it does not read on, or the connection broke
            while piece := await process.stdin.read(_PIECE_BYTES):
                self._stdin.write(piece)
                await self._stdin.drain()
        self._stdin.close()


async def _pass_on(stream: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
    while piece := await stream.read(_PIECE_BYTES):
        to.write(piece)
        await to.drain()


async def _reader(pipe: IO[bytes]) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def _writer(pipe: IO[bytes]) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), pipe
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _end_of(child: subprocess.Popen[bytes]) -> asyncio.Future[int]:
    """The exit code of a process, once it has one. A thread waits, so that it can outlive its connection."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def tell(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def wait() -> None:
        code = child.wait()
        with contextlib.suppress(RuntimeError):  # the simulator has stopped meanwhile
            loop.call_soon_threadsafe(tell, code)

    threading.Thread(target=wait, name=f"program {child.pid}", daemon=True).start()
    return ended
