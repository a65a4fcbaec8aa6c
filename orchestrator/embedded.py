"""A farm for commands that need one: whether a supervisor runs here, and how one is started for as long as they wait.

Started in the foreground by `pifarm up`, a supervisor stays until it is told to stop. Started from here (`submit
--wait`, `demo`), it stays until no client is registered and nothing waits to be measured.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from orchestrator import broker
from orchestrator.config import Settings
from orchestrator.errors import InternalError
from orchestrator.supervisor.clients import registered
from orchestrator.supervisor.rotation import part_log
from orchestrator.supervisor.state import is_running, read_state

STARTUP_S = 30.0
RESPAWN_S = 5.0
POLL_S = 0.05


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[None]:
    """While inside, a supervisor runs: the one that is there, or one started now that leaves after its clients."""
    with registered(settings):
        ensure_running(settings)
        yield


def ensure_running(settings: Settings) -> None:
    """Return once a supervisor is ready, starting one where none runs; cheap to call again and again."""
    if not settings.has_own_broker:
        broker.require_answering(settings)
        return
    deadline_s, spawn_at_s = time.monotonic() + STARTUP_S, time.monotonic()
    while not is_ready(settings):
        if time.monotonic() >= spawn_at_s and not is_running(settings):
            _spawn_supervisor(settings)
            spawn_at_s = time.monotonic() + RESPAWN_S
        if time.monotonic() > deadline_s:
            raise InternalError(f"supervisor: it did not start in {STARTUP_S:.0f} s; see {settings.logs_dir}")
        time.sleep(POLL_S)


def is_ready(settings: Settings) -> bool:
    """Whether a supervisor runs and all its parts were started."""
    state = read_state(settings)
    return state is not None and state.is_ready


def detach() -> None:
    """Go on as a process of its own, which outlives whoever started this one; the starter sees its command end."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _spawn_supervisor(settings: Settings) -> None:
    command = [sys.executable, "-m", "orchestrator", "up", "--on-demand", "--no-dashboard"]
    output = part_log(settings, "supervisor").open()
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=settings.environment(),
            start_new_session=True,
            timeout=STARTUP_S,
            check=False,
        )
    finally:
        os.close(output)
