"""The network of a simulated board: an SSH server, on loopback unless told otherwise, with a login, programs, SFTP."""

import asyncio
import os
import signal

from orchestrator.errors import SpecError
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.program import Program

try:
    import asyncssh
except ImportError as error:
    raise SpecError('simulated boards need asyncssh: pip install "pifarm[sim]"') from error

LOOPBACK = "127.0.0.1"


class BoardServer:
    """Serves one board from within a running event loop.

    Lifecycle: `start` boots the board and listens, `stop` drops every connection and switches the board off.
    The port stays the same from the first `start` on.
    """

    def __init__(self, body: BoardBody, *, port: int, bind: str = LOOPBACK, password: str | None = None) -> None:
        self.body = body
        self.port = port
        self.bind = bind
        self.host_key = self._stored_host_key()
        self.password = password
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._climate: asyncio.Task[None] | None = None
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.logins: list[str] = []

    async def start(self) -> None:
        """Boot, and answer on the network."""
        self.body.power_on()
        self._climate = asyncio.create_task(self._keep_climate())
        await self.accept_connections()

    async def stop(self) -> None:
        """Switch the board off: nothing of it runs afterwards."""
        await self.refuse_connections()
        if self._climate is not None:
            self._climate.cancel()
        self.cut_connections()
        await asyncio.to_thread(self.body.power_off)

    async def accept_connections(self) -> None:
        """Listen, at the same port as before."""
        if self._acceptor is None:
            self._acceptor = await asyncssh.listen(
                self.bind,
                self.port,
                server_factory=lambda: _Login(self),
                server_host_keys=[self.host_key],
                process_factory=self._run,
                sftp_factory=self._sftp,
                encoding=None,
                line_editor=False,
                agent_forwarding=False,
            )
            self.port = self._acceptor.get_port()

    async def refuse_connections(self) -> None:
        """Stop listening: a new connection is refused, an open one goes on."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.close()

    def cut_connections(self) -> None:
        """Drop every open connection, without a word."""
        for connection in list(self.connections):
            connection.abort()

    async def change_host_key(self) -> None:
        """Show another host key from the next connection on, as a board that was set up anew does."""
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        await self.refuse_connections()
        await self.accept_connections()

    async def reboot(self) -> None:
        """Lose power for a moment."""
        await self.stop()
        await self.start()

    async def _keep_climate(self) -> None:
        while True:
            self.body.tick()
            await asyncio.sleep(self.body.tick_s)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        if process.command is None:
            process.stderr.write(b"a simulated board runs programs, it has no shell to log in to\n")
            process.exit(1)
            return
        program = await Program.start(process.command, self.body)
        code = await program.serve(process)
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)

    def _sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=os.fsencode(self.body.home))

    def _stored_host_key(self) -> asyncssh.SSHKey:
        file = self.body.home / ".ssh" / "host_ed25519"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = asyncssh.generate_private_key("ssh-ed25519")
            file.touch(mode=0o600)
            key.write_private_key(os.fspath(file))
        return asyncssh.read_private_key(os.fspath(file))


class _Login(asyncssh.SSHServer):
    """Lets in whoever has a key of the board's authorized_keys, or its password where it has one."""

    def __init__(self, server: BoardServer) -> None:
        self._server = server
        self._own: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Count the connection, so that it can be cut."""
        self._own = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._own is not None:
            self._server.connections.discard(self._own)

    def begin_auth(self, username: str) -> bool:
        """Read the keys that are authorized now; authentication is never waived."""
        self._server.logins.append(username)
        authorized = self._server.body.home / ".ssh" / "authorized_keys"
        if self._own is not None and authorized.exists():
            self._own.set_authorized_keys(os.fspath(authorized))
        return True

    def password_auth_supported(self) -> bool:
        """Whether the board has a password."""
        return self._server.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        """Whether it is the right one."""
        return password == self._server.password
