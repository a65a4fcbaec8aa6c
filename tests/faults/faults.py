"""How each fault is done, to real processes, files, sockets and rows. A fault that finds no target says so and is none.

Those of boards are in `board_faults`; those of the farm's own processes, messages and rows are here.
"""

import contextlib
import random
from collections.abc import Callable, Mapping

import kombu.exceptions
import psutil
import redis
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from orchestrator import studies
from orchestrator.errors import DatabaseError
from tests.faults import board_faults
from tests.faults.arena import Arena
from tests.faults.done import Done, chosen
from tests.faults.plan import FaultKind, PlannedFault

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


Inject = Callable[[Arena, random.Random], Done | None]


def inject(arena: Arena, fault: PlannedFault) -> Done | None:
    """Do it; None where there was nothing to do it to."""
    try:
        return _HOW[fault.kind](arena, random.Random(fault.seed))
    except (psutil.Error, redis.RedisError, kombu.exceptions.OperationalError, DatabaseError, OSError):
        return None  # the target was gone, or the broker down, just then


def _kill_worker(arena: Arena, rng: random.Random) -> Done | None:
    worker = chosen(arena.workers(), rng)
    if worker is None:
        return None
    worker.kill()
    let_lease_run_out(arena, worker.pid)
    return Done(text=f"worker {worker.pid}")


def _put_worker_to_sleep(arena: Arena, rng: random.Random) -> Done | None:
    worker = chosen(arena.workers(), rng)
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
    study = chosen(arena.active_studies(), rng)
    if study is None:
        return None
    count = studies.cancel(arena.farm.database, study)
    lasts_s = rng.uniform(0.0, 4.0)

    def retry() -> None:
        studies.retry(arena.farm.database, study)

    return Done(text=f"study {study}, {count} runs", lasts_s=lasts_s, undo=retry)


def _give_up(arena: Arena, rng: random.Random) -> Done | None:
    study = chosen(arena.active_studies(), rng)
    if study is None:
        return None
    count = studies.abandon(arena.farm.database, study)
    studies.retry(arena.farm.database, study)
    return Done(text=f"study {study}, {count} attempts")


def _columns(connection: object, table: str) -> list[dict[str, str]]:
    return list(inspect(connection).get_columns(table))


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
    FaultKind.LINK_CUT: board_faults.cut_link,
    FaultKind.NETWORK_DOWN: board_faults.take_network_down,
    FaultKind.AGENT_KILLED: board_faults.kill_agent,
    FaultKind.AGENT_ASLEEP: board_faults.put_agent_to_sleep,
    FaultKind.MEASURING_KILLED: board_faults.kill_measuring,
    FaultKind.AGENT_KILLED_MEASURING_ASLEEP: board_faults.kill_agent_with_sleeping_child,
    FaultKind.REBOOT: board_faults.reboot,
    FaultKind.REBOOT_WHILE_CLAIMING: board_faults.reboot_while_claiming,
    FaultKind.JOURNAL_CORRUPTED: board_faults.corrupt_journal,
    FaultKind.JOURNAL_CUT: board_faults.cut_journal,
    FaultKind.DISK_FULL: board_faults.fill_disk,
    FaultKind.CLOCK_STEP: step_clock,
    FaultKind.FENCE_RESTORED: _restore_fences,
    FaultKind.CANCELLED: _cancel,
    FaultKind.GIVEN_UP: _give_up,
}
