"""The processes of a farm on one machine: broker, worker, tick and dashboard under one supervisor.

One lock in the state home names the supervisor. Started in the foreground by `pifarm up`, it stays until it is
told to stop. Started by a command that waits (`submit --wait`, `demo`), it stays until no client is registered and
nothing waits to be measured. A part that dies is started again.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator import broker, studies
from orchestrator.config import Settings
from orchestrator.errors import InternalError, SpecError
from orchestrator.events import log
from orchestrator.farm import Farm

STARTUP_S = 30.0
DRAIN_S = 30.0
IDLE_S = 3.0
RESTART_S = 1.0
RESPAWN_S = 5.0
POLL_S = 0.25
LOOK_S = 0.5

Start = Callable[[], "subprocess.Popen[bytes]"]


@dataclass(kw_only=True)
class Part:
    """One process of the farm, and how to start it again."""

    name: str
    start: Start
    process: "subprocess.Popen[bytes] | None" = None
    started_at_s: float = 0.0

    def keep_running(self) -> None:
        """Start the process if it is not running, at most once in `RESTART_S`."""
        if self.process is not None and self.process.poll() is None:
            return
        if time.monotonic() - self.started_at_s < RESTART_S:
            return
        if self.process is not None:
            log.warning("part died", part=self.name, exit_code=self.process.returncode)
        self.process, self.started_at_s = self.start(), time.monotonic()

    def stop(self) -> None:
        """Ask the process to finish what it has in hand, and end it if that takes too long."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def supervise(farm: Farm, *, with_dashboard: bool, on_demand: bool, on_ready: Callable[[], None]) -> None:
    """Run the farm's processes until SIGINT or SIGTERM or, on demand, until nobody needs them; never two at once."""
    settings = farm.settings
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with _supervisor_lock(settings):
        _ready_file(settings).unlink(missing_ok=True)
        parts = _parts(settings, with_dashboard)
        try:
            for part in parts:
                part.keep_running()
                if part.name == "broker":
                    _wait_for_broker(settings, stopping)
            _ready_file(settings).touch()
            on_ready()
            _watch(farm, parts, stopping, on_demand)
        finally:
            _ready_file(settings).unlink(missing_ok=True)
            for part in reversed(parts):
                part.stop()


def is_running(settings: Settings) -> bool:
    """Whether a supervisor runs for this state home."""
    path = settings.home / "supervisor.lock"
    if not path.exists():
        return False
    with path.open() as file:
        return not _try_lock(file, fcntl.LOCK_SH)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[None]:
    """While inside, a supervisor runs: the one that is there, or one started now that leaves after its clients."""
    with _registered(settings):
        ensure_running(settings)
        yield


def ensure_running(settings: Settings) -> None:
    """Return once a supervisor is ready, starting one where none runs; cheap to call again and again."""
    if not settings.has_own_broker:
        if not broker.is_answering(settings):
            raise SpecError(f"broker: {settings.broker_url} does not answer; start it, or unset PIFARM_BROKER_URL")
        return
    deadline_s, spawn_at_s = time.monotonic() + STARTUP_S, time.monotonic()
    while not is_ready(settings):
        if time.monotonic() >= spawn_at_s and not is_running(settings):
            _spawn_supervisor(settings)
            spawn_at_s = time.monotonic() + RESPAWN_S
        if time.monotonic() > deadline_s:
            raise InternalError(f"supervisor: it did not start in {STARTUP_S:.0f} s; see {settings.logs_dir}")
        time.sleep(POLL_S / 5)


def is_ready(settings: Settings) -> bool:
    """Whether a supervisor runs and all its parts were started."""
    return _ready_file(settings).exists() and is_running(settings)


def detach() -> None:
    """Go on as a process of its own, which outlives whoever started this one; the starter sees its command end."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _parts(settings: Settings, with_dashboard: bool) -> list[Part]:
    settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
    parts = []
    if settings.has_own_broker:
        parts.append(
            Part(name="broker", start=lambda: broker.start_embedded(settings, settings.logs_dir / "broker.log"))
        )
    for name in ("worker", "tick", *(["dashboard"] if with_dashboard else [])):
        parts.append(Part(name=name, start=lambda name=name: _start_command(settings, [name], name)))  # type: ignore[misc]  # name is bound per part
    return parts


def _start_command(settings: Settings, arguments: Sequence[str], name: str) -> "subprocess.Popen[bytes]":
    with (settings.logs_dir / f"{name}.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=settings.environment(),
            start_new_session=True,
        )


def _watch(farm: Farm, parts: list[Part], stopping: threading.Event, on_demand: bool) -> None:
    needed_at_s = time.monotonic()
    while not stopping.wait(POLL_S):
        for part in parts:
            part.keep_running()
        if on_demand:
            if _has_clients(farm.settings) or studies.any_active(farm.database):
                needed_at_s = time.monotonic()
            if time.monotonic() - needed_at_s > IDLE_S:
                return


def _wait_for_broker(settings: Settings, stopping: threading.Event) -> None:
    deadline = time.monotonic() + STARTUP_S
    while not broker.is_answering(settings):
        if stopping.wait(0.02) or time.monotonic() > deadline:
            raise InternalError(f"broker: it does not answer; see {settings.logs_dir / 'broker.log'}")


def _spawn_supervisor(settings: Settings) -> None:
    settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
    _start_command(settings, ["up", "--on-demand", "--no-dashboard"], "supervisor").wait(STARTUP_S)


@contextlib.contextmanager
def _supervisor_lock(settings: Settings) -> Iterator[None]:
    path = settings.home / "supervisor.lock"
    with path.open("a+") as file:
        patience_ends_s = time.monotonic() + LOOK_S
        while not _try_lock(file):
            if time.monotonic() < patience_ends_s:  # somebody may only be looking whether it is held
                time.sleep(POLL_S / 5)
                continue
            file.seek(0)
            raise SpecError(
                f"up: a farm runs here already (pid {file.read().strip() or '?'}, state home {settings.home})"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def _registered(settings: Settings) -> Iterator[None]:
    folder = settings.home / "clients"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{os.getpid()}-{threading.get_ident()}"
    with path.open("w") as file:
        _try_lock(file)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _has_clients(settings: Settings) -> bool:
    return any(_is_held(path) for path in (settings.home / "clients").glob("*"))


def _is_held(path: Path) -> bool:
    try:
        with path.open("r+") as file:
            if not _try_lock(file):
                return True
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False


def _try_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ready_file(settings: Settings) -> Path:
    return settings.home / "supervisor.ready"
