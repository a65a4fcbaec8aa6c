"""Faults of boards and the way to them: connections, processes, power, journals, disk."""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from orchestrator.simulator.farm import SimulatedBoard
from tests.faults.arena import SMALL_DISK_BYTES, Arena
from tests.faults.done import Done, chosen


def cut_link(arena: Arena, rng: random.Random) -> Done | None:
    """The connections of a board break."""
    board = rng.choice(arena.boards)
    board.cut_connections()
    return Done(text=board.name)


def take_network_down(arena: Arena, rng: random.Random) -> Done | None:
    """A board is not reached for a while."""
    board = rng.choice(arena.boards)
    board.refuse_connections()
    board.cut_connections()
    return Done(text=board.name, lasts_s=rng.uniform(0.5, 4.0), undo=board.accept_connections)


def kill_agent(arena: Arena, rng: random.Random) -> Done | None:
    """A run loses its agent."""
    return _signal_run(arena, rng, "agent", psutil.Process.kill)


def kill_measuring(arena: Arena, rng: random.Random) -> Done | None:
    """A run loses its measuring process."""
    return _signal_run(arena, rng, "measuring", psutil.Process.kill)


def _signal_run(arena: Arena, rng: random.Random, role: str, send: Callable[[psutil.Process], None]) -> Done | None:
    target = chosen(living_runs(arena), rng)
    if target is None or role not in target[1]:
        return None
    send(target[1][role])
    return Done(text=f"{target[0].parent.parent.parent.name} {target[0].name} pid {target[1][role].pid}")


def put_agent_to_sleep(arena: Arena, rng: random.Random) -> Done | None:
    """An agent stands still for a while."""
    target = chosen(living_runs(arena), rng)
    if target is None:
        return None
    agent = target[1]["agent"]
    arena.freeze(agent)
    return Done(text=target[0].name, lasts_s=rng.uniform(0.5, 3.0), undo=lambda: arena.thaw(agent))


def kill_agent_with_sleeping_child(arena: Arena, rng: random.Random) -> Done | None:
    """An agent dies while its measuring process stands still."""
    target = chosen([run for run in living_runs(arena) if "measuring" in run[1]], rng)
    if target is None:
        return None
    target[1]["measuring"].suspend()
    target[1]["agent"].kill()
    return Done(text=target[0].name)


def reboot(arena: Arena, rng: random.Random) -> Done | None:
    """A board reboots."""
    board = rng.choice(arena.boards)
    board.reboot()
    return Done(text=board.name)


def reboot_while_claiming(arena: Arena, rng: random.Random) -> Done | None:
    """Power goes the moment that a claim is seen in the making, or a little later."""
    deadline_s = time.monotonic() + 2.0
    while time.monotonic() < deadline_s:
        for board in arena.boards:
            drafts = list((board.home / ".pifarm" / "runs").glob(".new-*"))
            if drafts:
                time.sleep(rng.uniform(0.0, 0.02))
                board.reboot()
                return Done(text=f"{board.name} {drafts[0].name}")
        time.sleep(0.002)
    return None


def corrupt_journal(arena: Arena, rng: random.Random) -> Done | None:
    """One bit of a journal flips."""
    journal = _journal(arena, rng)
    if journal is None:
        return None
    place = rng.randrange(journal.stat().st_size)
    with journal.open("r+b") as file:
        file.seek(place)
        before = file.read(1)
        file.seek(place)
        file.write(bytes([before[0] ^ (1 << rng.randrange(8))]))
    return Done(text=f"{journal.parent.name} byte {place}")


def cut_journal(arena: Arena, rng: random.Random) -> Done | None:
    """A journal loses its tail."""
    journal = _journal(arena, rng)
    if journal is None:
        return None
    place = rng.randrange(journal.stat().st_size)
    with journal.open("r+b") as file:
        file.truncate(place)
    return Done(text=f"{journal.parent.name} to {place} bytes")


def fill_disk(arena: Arena, rng: random.Random) -> Done | None:
    """The small disk is full for a while."""
    if arena.small_disk is None:
        return None
    home = arena.small_disk.home
    ballast, disk = home / "ballast", os.statvfs(home)
    if not home.is_mount() or disk.f_blocks * disk.f_frsize > SMALL_DISK_BYTES:
        raise AssertionError(f"{home} has no small disk of its own; nothing was filled")
    with ballast.open("ab", buffering=0) as file:
        for piece in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                for _ in range(SMALL_DISK_BYTES // 65536 + 64):
                    file.write(bytes(piece))
    return Done(text=arena.small_disk.name, lasts_s=rng.uniform(1.0, 6.0), undo=lambda: ballast.unlink(missing_ok=True))


def living_runs(arena: Arena) -> list[tuple[Path, dict[str, psutil.Process]]]:
    """The run folders whose agent lives, and the processes of each."""
    return [found for board in arena.boards for found in _runs_on(board)]


def _runs_on(board: SimulatedBoard) -> list[tuple[Path, dict[str, psutil.Process]]]:
    found = []
    for claim in sorted((board.home / ".pifarm" / "runs").glob("[!.]*/claim.json")):
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            data = json.loads(claim.read_bytes())
            roles = {role: data[role] for role in ("agent", "measuring") if isinstance(data.get(role), dict)}
            found.append((claim.parent, {role: _living(process) for role, process in roles.items()}))
    return found


def _living(process: Mapping[str, str | int]) -> psutil.Process:
    alive = psutil.Process(int(process["pid"]))
    fields = Path(f"/proc/{alive.pid}/stat").read_bytes().rpartition(b")")[2].split()
    if fields[19].decode() != process["started"]:
        raise psutil.NoSuchProcess(alive.pid)
    return alive


def _journal(arena: Arena, rng: random.Random) -> Path | None:
    journals = [path for board in arena.boards for path in (board.home / ".pifarm" / "runs").glob("*/journal.jsonl")]
    return chosen([path for path in sorted(journals) if path.stat().st_size], rng)
