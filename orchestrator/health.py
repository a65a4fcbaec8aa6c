"""``python -m orchestrator.health PART``: whether a part of the farm does its work on this host, for health checks.

Exit code 0 or 1, and one line that says why. It imports next to nothing, because it is asked every half minute: a
worker or tick by its heartbeat, the dashboard and simulated boards by talking to them.
"""

import argparse
import enum
import json
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Settings, load_settings
from orchestrator.heartbeat import EVERY_S, Heartbeat

STALE_S = 4 * EVERY_S
ANSWER_S = 5.0
POLL_S = 0.2


class Part(enum.Enum):
    """What can be asked after."""

    WORKER = "worker"
    TICK = "tick"
    DASHBOARD = "dashboard"
    BOARDS = "boards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a part works, and how that is known."""

    is_well: bool
    message: str


def health_of_tick(heartbeat: Heartbeat) -> Health:
    """A tick is well if a tick of its went out to the broker lately."""
    return _by_age(heartbeat.age_s(), "the last tick went out")


def health_of_worker(
    heartbeat: Heartbeat, ring: Callable[[], None], pause: Callable[[float], None] = time.sleep
) -> Health:
    """A worker is well if it has done a task lately. If not, it may have had none: it is rung for, and must answer."""
    health = _by_age(heartbeat.age_s(), "the last task was done")
    if health.is_well:
        return health
    ring()
    for _ in range(round(ANSWER_S / POLL_S)):
        pause(POLL_S)
        if (health := _by_age(heartbeat.age_s(), "the last task was done")).is_well:
            return health
    return Health(is_well=False, message=f"{health.message}, and no task was done for {ANSWER_S:g} s after a ring")


def health_of_dashboard(port: int) -> Health:
    """The dashboard is well if its server says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=ANSWER_S) as answer:
            return Health(is_well=answer.status == 200, message=f"it answered {answer.status}")
    except OSError as error:
        return Health(is_well=False, message=f"port {port}: {error}")


def health_of_boards(boards_file: Path) -> Health:
    """Simulated boards are well if each one greets as an SSH server where it is announced."""
    try:
        boards = json.loads(boards_file.read_bytes())
    except OSError as error:
        return Health(is_well=False, message=f"no boards: {error}")
    for board in boards:
        _, _, place = board["ssh"].rpartition("@")
        host, _, port = place.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S) as link:
                greeting = link.recv(8)
        except OSError as error:
            return Health(is_well=False, message=f"{board['name']}: {error}")
        if not greeting.startswith(b"SSH-2.0"):
            return Health(is_well=False, message=f"{board['name']}: expected an SSH server, got {greeting!r}")
    return Health(is_well=bool(boards), message=f"{len(boards)} answer")


def look_at(part: Part, settings: Settings) -> Health:
    """The health of a part, by the farm's settings."""
    if part is Part.WORKER:
        return health_of_worker(Heartbeat.of(settings.heartbeats_dir, part.value), lambda: _ring(settings))
    if part is Part.TICK:
        return health_of_tick(Heartbeat.of(settings.heartbeats_dir, part.value))
    if part is Part.DASHBOARD:
        return health_of_dashboard(settings.dashboard_port)
    return health_of_boards(settings.simulated_dir / "boards.json")


def parse(arguments: Sequence[str]) -> Part:
    """The part that the command line names; leaves with exit code 2 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.health", description="Whether a part does its work.")
    parser.add_argument("part", choices=[part.value for part in Part])
    return Part(parser.parse_args(arguments).part)


def main(arguments: Sequence[str]) -> int:
    """Look, say one line, and give the exit code."""
    part = parse(arguments)
    health = look_at(part, load_settings())
    sys.stdout.write(f"{part.value}: {'well' if health.is_well else 'NOT WELL'}: {health.message}\n")
    return 0 if health.is_well else 1


def _by_age(age_s: float | None, what: str) -> Health:
    if age_s is None:
        return Health(is_well=False, message="no heartbeat yet")
    return Health(is_well=abs(age_s) <= STALE_S, message=f"{what} {age_s:.0f} s ago")


def _ring(settings: Settings) -> None:
    from orchestrator.queue import ring_worker  # Celery: slow to import, and only needed where nothing was done lately

    ring_worker(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
