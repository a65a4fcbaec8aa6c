"""A board over SSH. The only importer of fabric and paramiko, and the one border where their exceptions end.

Invariants: nothing is sent to a host whose key is not the pinned one, not even the user's name. No agent, no
file of ``~/.ssh``, no password but in `install_key_with_password`. Everything has a time-out. A command
travels with its arguments quoted and runs in the farm folder ``~/.pifarm``, which the first command creates.
"""

import contextlib
import logging
import shlex
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import paramiko
from fabric import Config, Connection

from orchestrator.errors import DeviceError, HostKeyError, TransportError
from orchestrator.transport import Completed, Progress, Pushed
from orchestrator.transport.address import SshAddress
from orchestrator.transport.command import Command
from orchestrator.transport.keys import HostKey, PinnedKey
from orchestrator.transport.pushing import Delivery, Parcel, Reply, feed, push_parcel

CONNECT_TIMEOUT_S = 10.0
KEEPALIVE_S = 15
DEAD_LINK_S = 30
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
WEAK_MACS = ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96")
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
FARM_FOLDER = ".pifarm"
_IN_FARM_FOLDER = (
    f'cd {FARM_FOLDER} 2>/dev/null || {{ mkdir -p -m 700 {FARM_FOLDER} && cd {FARM_FOLDER}; }} && exec "$@"'
)
_APPEND_KEY = (
    'umask 077; mkdir -p .ssh && touch .ssh/authorized_keys && grep -qxF -- "$1" .ssh/authorized_keys'
    ' || { [ -z "$(tail -c 1 .ssh/authorized_keys)" ] || echo >>.ssh/authorized_keys;'
    " printf '%s\\n' \"$1\" >>.ssh/authorized_keys; }"
)
# Without a handler of its own, Python prints a library's warnings on standard error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SshTransport:
    """A `Transport` to a user on a host with the farm's key, over one connection that is reused.

    `host_key` is the pin: a line ``type base64`` or a fingerprint ``SHA256:...``.
    Lifecycle: connects on first use, and again on the first use after a break. A connection that turns out to
    be closed before anything was asked of it is replaced without a word; any later fault drops it and is
    raised.
    """

    def __init__(self, address: SshAddress, *, key_file: Path, host_key: str) -> None:
        self.address = address
        self._key_file = key_file
        self._pin = PinnedKey.parse(host_key)
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, unless a connection is open."""
        with self._fallible():
            self._connected()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Run a program in the farm folder to its end; after a time-out the connection is dropped."""
        with self._fallible(), self._command(argv) as command:
            ends_s = time.monotonic() + timeout_s
            command.give(stdin)
            exit_code, stdout, stderr = command.output(ends_s)
        return Completed(exit_code=exit_code, stdout=stdout, stderr=stderr)

    def push(
        self,
        source: Path,
        target: str,
        *,
        sha256: str,
        slice_s: float | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Send a file in one exec: its receiver says what it has, takes the rest, verifies and renames."""
        parcel = Parcel.of(source, target, sha256)
        return push_parcel(parcel, lambda: self._deliver(parcel, slice_s, progress))

    def close(self) -> None:
        """Drop the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.client.close()

    def _deliver(self, parcel: Parcel, slice_s: float | None, progress: Progress | None) -> Delivery:
        with self._fallible(), self._command(parcel.receiver_argv) as command:
            first = Reply.parse(command.line(time.monotonic() + parcel.patience_s), parcel)
            if first.have is None:
                return Delivery(first=first, last=first, sent_bytes=0)
            sent_bytes = feed(parcel, first.have, command.send, slice_s=slice_s, progress=progress)
            command.close_input()
            last = Reply.parse(command.line(time.monotonic() + parcel.patience_s), parcel)
        return Delivery(first=first, last=last, sent_bytes=sent_bytes)

    def _command(self, argv: Sequence[str]) -> Command:
        line = _shell_line(_IN_FARM_FOLDER, argv)
        reused = self._connection is not None and self._connection.is_connected
        try:
            return Command(self._session(), line)
        except (paramiko.SSHException, EOFError, OSError):
            if not reused:
                raise
            self.close()
            return Command(self._session(), line)

    def _session(self) -> paramiko.Channel:
        session: paramiko.Channel = self._connected().create_session()
        return session

    def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_connected:
            self.close()
            self._connection = _connect(self.address, self._pin, key_filename=str(self._key_file))
        return self._connection

    @contextlib.contextmanager
    def _fallible(self) -> Iterator[None]:
        try:
            with _border(self.address):
                yield
        except TransportError:
            self.close()
            raise


def scan_host_key(
    address: SshAddress, *, timeout_s: float = CONNECT_TIMEOUT_S, fingerprint: str | None = None
) -> HostKey:
    """The host key that a board shows, without authenticating.

    With a `fingerprint`, that one of the board's keys which has it; raises `HostKeyError` where none has.
    """
    key = _shown_key(address, timeout_s, first=KEY_TYPES[0])
    if fingerprint is None:
        return key
    pin = PinnedKey.parse(fingerprint)
    for key_type in KEY_TYPES[1:]:
        if key.fingerprint == pin.fingerprint:
            return key
        key = _shown_key(address, timeout_s, first=key_type)
    if key.fingerprint != pin.fingerprint:
        raise _host_key_error(address, pin, key)
    return key


def install_key_with_password(address: SshAddress, *, host_key: str, password: str, public_line: str) -> None:
    """Add the farm's line to the board's authorized_keys, once; the password is used and forgotten."""
    line = _shell_line(_APPEND_KEY, [public_line])
    with _border(address):
        connection = _connect(address, PinnedKey.parse(host_key), password=password)
        with contextlib.closing(connection.client), Command(connection.create_session(), line) as command:
            exit_code, _, stderr = command.output(time.monotonic() + 3 * CONNECT_TIMEOUT_S)
    if exit_code != 0:
        said = stderr.decode("utf-8", "replace")[:200]
        raise DeviceError(f"{address}: cannot write .ssh/authorized_keys: {said}")


class PinnedOnly(paramiko.MissingHostKeyPolicy):
    """Refuses every host key but the pinned one, before authentication begins."""

    def __init__(self, address: SshAddress, pin: PinnedKey) -> None:
        self._address = address
        self._pin = pin

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raise `HostKeyError` unless the key is the pinned one."""
        shown = HostKey(type=key.get_name(), base64=key.get_base64())
        if shown.fingerprint != self._pin.fingerprint:
            raise _host_key_error(self._address, self._pin, shown)


def _connect(address: SshAddress, pin: PinnedKey, **credentials: str) -> Connection:
    sock = _socket(address, CONNECT_TIMEOUT_S)
    settings: dict[str, Any] = {
        **credentials,
        "sock": sock,
        "transport_factory": lambda sock, **_: _link(sock, first_key_type=pin.type),
        "timeout": CONNECT_TIMEOUT_S,
        "banner_timeout": CONNECT_TIMEOUT_S,
        "auth_timeout": CONNECT_TIMEOUT_S,
        "channel_timeout": CONNECT_TIMEOUT_S,
        "allow_agent": False,
        "look_for_keys": False,
    }
    own = Config(lazy=True)  # reads no ssh_config and no fabric.yaml
    connection = Connection(address.host, user=address.user, port=address.port, config=own, connect_kwargs=settings)
    connection.client.set_missing_host_key_policy(PinnedOnly(address, pin))
    try:
        connection.open()
    except BaseException:
        connection.client.close()
        sock.close()
        raise
    connection.transport.set_keepalive(KEEPALIVE_S)
    return connection


def _socket(address: SshAddress, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((address.host, address.port), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: give a silent link up while keepalives are unanswered
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_LINK_S * 1000)
    return sock


def _link(sock: socket.socket, *, first_key_type: str | None) -> paramiko.Transport:
    link = paramiko.Transport(sock, disabled_algorithms={"macs": list(WEAK_MACS)})
    options = link.get_security_options()
    options.ciphers = CIPHERS
    first = ("rsa-sha2-512", "rsa-sha2-256") if first_key_type == "ssh-rsa" else (first_key_type,)
    options.key_types = sorted(options.key_types, key=lambda name: name not in first)
    return link


def _shown_key(address: SshAddress, timeout_s: float, *, first: str) -> HostKey:
    with _border(address), contextlib.closing(_socket(address, timeout_s)) as sock:
        link = _link(sock, first_key_type=first)
        link.banner_timeout = timeout_s
        with contextlib.closing(link):
            link.start_client(timeout=timeout_s)
            key = link.get_remote_server_key()
            return HostKey(type=key.get_name(), base64=key.get_base64())


def _host_key_error(address: SshAddress, pin: PinnedKey, shown: HostKey) -> HostKeyError:
    return HostKeyError(
        f"{address}: the host key is not the pinned one; nothing was sent. Expected {pin.fingerprint}, got"
        f" {shown.fingerprint} ({shown.type}). If the board was set up anew, read its key on the board itself"
        " (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), remove the device and add it again with that"
        " --fingerprint; otherwise another machine answers in its place."
    )


@contextlib.contextmanager
def _border(address: SshAddress) -> Iterator[None]:
    """Translate whatever paramiko, sockets and the peer's nonsense raise."""
    try:
        yield
    except paramiko.AuthenticationException as error:
        raise TransportError(
            f"{address}: login refused. Add the line that `pifarm key` prints to ~/.ssh/authorized_keys of"
            f" {address.user} there"
        ) from error
    except TimeoutError as error:
        raise TransportError(f"{address}: timed out: {str(error) or 'no answer'}") from error
    except (paramiko.SSHException, EOFError, OSError, ValueError, struct.error) as error:
        raise TransportError(f"{address}: {str(error) or type(error).__name__}") from error


def _shell_line(script: str, argv: Sequence[str]) -> str:
    """One line for any login shell: a POSIX shell that runs `script` with `argv` as its arguments."""
    return "exec " + shlex.join(["sh", "-c", script, "sh", *argv])
