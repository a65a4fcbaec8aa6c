"""How each fault is done, to real processes, files, sockets and rows. A fault that finds no target says so and is none.

Each gives what was done in words and, where it lasts, how long and how it is taken back.
"""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import kombu.exceptions
import psutil
import redis
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from orchestrator import studies
from orchestrator.errors import DatabaseError
from orchestrator.simulator.farm import SimulatedBoard
from tests.faults.arena import SMALL_DISK_BYTES, Arena
from tests.faults.plan import FaultKind, PlannedFault

T = TypeVar("T")
LEASE_S = 61.0
TIMES: Mapping[str, tuple[str, ...]] = {
    "devices": (
        "lease_expires_at_s", "next_attention_at_s", "wake_after_s", "created_at_s", "probed_at_s", "last_seen_at_s",
        "last_served_at_s", "attention_noted_at_s",
    ),
    "studies": ("created_at_s", "ended_at_s"),
    "runs": ("started_at_s", "ended_at_s"),
    "attempts": ("opened_at_s", "started_at_s", "closed_at_s", "forgotten_at_s"),
    "events": ("at_s",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A fault that has begun; `undo` is to be called after `lasts_s`."""

    text: str
    lasts_s: float = 0.0
    undo: Callable[[], None] | None = None


Inject = Callable[[Arena, random.Random], Done | None]


def inject(arena: Arena, fault: PlannedFault) -> Done | None:
    """Do it; None where there was nothing to do it to."""
    try:
        return _HOW[fault.kind](arena, random.Random(fault.seed))
    except (psutil.Error, redis.RedisError, kombu.exceptions.OperationalError, DatabaseError, OSError):
        return None  # the target was gone, or the broker down, just then


def _kill_worker(arena: Arena, rng: random.Random) -> Done | None:
    worker = _chosen(arena.workers(), rng)
    if worker is None:
        return None
    worker.kill()
    let_lease_run_out(arena, worker.pid)
    return Done(text=f"worker {worker.pid}")


def _put_worker_to_sleep(arena: Arena, rng: random.Random) -> Done | None:
    worker = _chosen(arena.workers(), rng)
    if worker is None:
        return None
    count = put_to_sleep(arena, worker)
    lasts_s = rng.uniform(1.0, 5.0)
    return Done(text=f"worker {worker.pid} holding {count}", lasts_s=lasts_s, undo=lambda: arena.thaw(worker))


def put_to_sleep(arena: Arena, worker: psutil.Process) -> int:
    """Stop a worker and let its leases run out; how many it had.

    Under the write lock, so that it does not fall asleep with that lock in its hand: SQLite has but one.
    """
    with arena.farm.database.write() as session:
        arena.freeze(worker)
        return _expire(session, worker.pid)


def let_lease_run_out(arena: Arena, pid: int) -> None:
    """The leases of a dead worker run out, as they would in a minute."""
    with arena.farm.database.write() as session:
        _expire(session, pid)


def _expire(session: Session, pid: int) -> int:
    statement = "UPDATE devices SET lease_expires_at_s = lease_expires_at_s - :s WHERE lease_holder LIKE :who"
    result = session.execute(text(statement), {"s": LEASE_S, "who": f"{pid}-%"})
    return int(getattr(result, "rowcount", 0))


def _kill_broker(arena: Arena, rng: random.Random) -> Done | None:
    broker = arena.broker_process()
    if broker is None:
        return None
    broker.kill()
    return Done(text=f"valkey-server {broker.pid}")


def _empty_broker(arena: Arena, rng: random.Random) -> Done | None:
    with contextlib.closing(arena.queue_client()) as client:
        client.flushall()
    return Done(text="everything")


def _kill_supervisor(arena: Arena, rng: random.Random) -> Done | None:
    if arena.supervisor is None or arena.supervisor.poll() is not None:
        return None
    workers = [worker.pid for worker in arena.workers() if not _is(worker, arena.second_worker)]
    arena.supervisor.kill()
    arena.supervisor.wait()
    for pid in workers:
        let_lease_run_out(arena, pid)
    return Done(text=f"supervisor {arena.supervisor.pid}")


def _double_messages(arena: Arena, rng: random.Random) -> Done | None:
    device_id = rng.choice(arena.device_ids())
    arena.ring([device_id] * 20)
    return Done(text=f"device {device_id}")


def _lose_messages(arena: Arena, rng: random.Random) -> Done | None:
    with contextlib.closing(arena.queue_client()) as client:
        lost = client.delete("attend", "tick", "unacked", "unacked_index")
    return Done(text=f"{lost} lists")


def _delay_messages(arena: Arena, rng: random.Random) -> Done | None:
    ids = [rng.choice(arena.device_ids()) for _ in range(5)]
    arena.ring(ids, "late")

    def deliver() -> None:
        with contextlib.suppress(redis.RedisError), contextlib.closing(arena.queue_client()) as client:
            while client.rpoplpush("late", "attend") is not None:
                continue

    lasts_s = rng.uniform(1.0, 8.0)
    return Done(text=f"devices {ids}", lasts_s=lasts_s, undo=deliver)


def _cut_link(arena: Arena, rng: random.Random) -> Done | None:
    board = rng.choice(arena.boards)
    board.cut_connections()
    return Done(text=board.name)


def _take_network_down(arena: Arena, rng: random.Random) -> Done | None:
    board = rng.choice(arena.boards)
    board.refuse_connections()
    board.cut_connections()
    return Done(text=board.name, lasts_s=rng.uniform(0.5, 4.0), undo=board.accept_connections)


def _kill_agent(arena: Arena, rng: random.Random) -> Done | None:
    return _signal_run(arena, rng, "agent", psutil.Process.kill)


def _kill_measuring(arena: Arena, rng: random.Random) -> Done | None:
    return _signal_run(arena, rng, "measuring", psutil.Process.kill)


def _signal_run(arena: Arena, rng: random.Random, role: str, send: Callable[[psutil.Process], None]) -> Done | None:
    target = _chosen(living_runs(arena), rng)
    if target is None or role not in target[1]:
        return None
    send(target[1][role])
    return Done(text=f"{target[0].parent.parent.parent.name} {target[0].name} pid {target[1][role].pid}")


def _put_agent_to_sleep(arena: Arena, rng: random.Random) -> Done | None:
    target = _chosen(living_runs(arena), rng)
    if target is None:
        return None
    agent = target[1]["agent"]
    arena.freeze(agent)
    return Done(text=target[0].name, lasts_s=rng.uniform(0.5, 3.0), undo=lambda: arena.thaw(agent))


def _kill_agent_with_sleeping_child(arena: Arena, rng: random.Random) -> Done | None:
    target = _chosen([run for run in living_runs(arena) if "measuring" in run[1]], rng)
    if target is None:
        return None
    target[1]["measuring"].suspend()
    target[1]["agent"].kill()
    return Done(text=target[0].name)


def _reboot(arena: Arena, rng: random.Random) -> Done | None:
    board = rng.choice(arena.boards)
    board.reboot()
    return Done(text=board.name)


def _reboot_while_claiming(arena: Arena, rng: random.Random) -> Done | None:
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


def _corrupt_journal(arena: Arena, rng: random.Random) -> Done | None:
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


def _cut_journal(arena: Arena, rng: random.Random) -> Done | None:
    journal = _journal(arena, rng)
    if journal is None:
        return None
    place = rng.randrange(journal.stat().st_size)
    with journal.open("r+b") as file:
        file.truncate(place)
    return Done(text=f"{journal.parent.name} to {place} bytes")


def _fill_disk(arena: Arena, rng: random.Random) -> Done | None:
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


def step_clock(arena: Arena, rng: random.Random) -> Done | None:
    """Every stored time moves by as much: to SQL the clock has stepped the other way."""
    step_s = rng.choice([-86400.0, -3600.0, -30.0, 30.0, 3600.0, 86400.0])
    with arena.farm.database.write() as session:
        connection = session.connection()
        for table, columns in TIMES.items():
            known = {column["name"] for column in _columns(connection, table)}
            moved = ", ".join(f"{column} = {column} - ({step_s})" for column in columns if column in known)
            connection.exec_driver_sql(f"UPDATE {table} SET {moved}")
    return Done(text=f"by {step_s:+.0f} s")


def _restore_fences(arena: Arena, rng: random.Random) -> Done | None:
    """As after a restore: nobody of the old farm is left, and the fences are those of an older day."""
    workers = arena.workers()
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers, timeout=5)
    back = rng.randint(1, 50)
    arena.sql(
        "UPDATE devices SET fence = CASE WHEN fence > :back THEN fence - :back ELSE 0 END,"
        " lease_holder = NULL, lease_expires_at_s = 0",
        back=back,
    )
    return Done(text=f"{back} lower")


def _cancel(arena: Arena, rng: random.Random) -> Done | None:
    study = _chosen(arena.active_studies(), rng)
    if study is None:
        return None
    count = studies.cancel(arena.farm.database, study)
    lasts_s = rng.uniform(0.0, 4.0)

    def retry() -> None:
        studies.retry(arena.farm.database, study)

    return Done(text=f"study {study}, {count} runs", lasts_s=lasts_s, undo=retry)


def _give_up(arena: Arena, rng: random.Random) -> Done | None:
    study = _chosen(arena.active_studies(), rng)
    if study is None:
        return None
    count = studies.abandon(arena.farm.database, study)
    studies.retry(arena.farm.database, study)
    return Done(text=f"study {study}, {count} attempts")


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
    return _chosen([path for path in sorted(journals) if path.stat().st_size], rng)


def _columns(connection: object, table: str) -> list[dict[str, str]]:
    return list(inspect(connection).get_columns(table))


def _chosen(things: list[T], rng: random.Random) -> T | None:
    return rng.choice(things) if things else None


def _is(process: psutil.Process, child: object) -> bool:
    return process.pid == getattr(child, "pid", None)


_HOW: Mapping[FaultKind, Inject] = {
    FaultKind.WORKER_KILLED: _kill_worker,
    FaultKind.WORKER_ASLEEP: _put_worker_to_sleep,
    FaultKind.BROKER_KILLED: _kill_broker,
    FaultKind.BROKER_EMPTIED: _empty_broker,
    FaultKind.SUPERVISOR_KILLED: _kill_supervisor,
    FaultKind.MESSAGES_DOUBLED: _double_messages,
    FaultKind.MESSAGES_LOST: _lose_messages,
    FaultKind.MESSAGES_LATE: _delay_messages,
    FaultKind.LINK_CUT: _cut_link,
    FaultKind.NETWORK_DOWN: _take_network_down,
    FaultKind.AGENT_KILLED: _kill_agent,
    FaultKind.AGENT_ASLEEP: _put_agent_to_sleep,
    FaultKind.MEASURING_KILLED: _kill_measuring,
    FaultKind.AGENT_KILLED_MEASURING_ASLEEP: _kill_agent_with_sleeping_child,
    FaultKind.REBOOT: _reboot,
    FaultKind.REBOOT_WHILE_CLAIMING: _reboot_while_claiming,
    FaultKind.JOURNAL_CORRUPTED: _corrupt_journal,
    FaultKind.JOURNAL_CUT: _cut_journal,
    FaultKind.DISK_FULL: _fill_disk,
    FaultKind.CLOCK_STEP: step_clock,
    FaultKind.FENCE_RESTORED: _restore_fences,
    FaultKind.CANCELLED: _cancel,
    FaultKind.GIVEN_UP: _give_up,
}
