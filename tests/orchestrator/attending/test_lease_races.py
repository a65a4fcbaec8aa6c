"""Lease races: whatever threads and processes take, renew, overtake and release, there is one holder at a time.

A holder writes what it was granted while it holds the lease, so that the record is in the order of the grants if, and
only if, nobody held it at the same time.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.attending import leases
from orchestrator.attending.leases import Lease
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from tests.racing import at_once
from tests.small_farm import add_device, get_device, set_columns

ROUNDS = 4
THREADS = 4
PROGRAM = Path(__file__).with_name("lease_racer.py")


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def test_of_threads_that_do_all_that_can_be_done_with_a_lease_one_holds_it(database: Database) -> None:
    device_id = add_device(database)
    holders, fences, mutex = 0, [0], threading.Lock()

    def hold(lease: Lease) -> Lease:
        nonlocal holders
        with mutex:
            holders += 1
            assert holders == 1, "two hold the lease"
            assert lease.fence > fences[-1], "a fence did not grow"
            fences.append(lease.fence)
        assert leases.renew(database, lease)
        higher = leases.overtake(database, lease, lease.fence + 2)
        assert higher is not None
        assert not leases.renew(database, lease)
        with mutex:
            assert higher.fence > fences[-1]
            fences.append(higher.fence)
            holders -= 1
        return higher

    def contend(index: int) -> None:
        held = 0
        while held < ROUNDS:
            lease = leases.take(database, device_id, f"holder-{index}")
            if lease is not None:
                leases.release(database, hold(lease), None)
                held += 1

    at_once(THREADS, contend)
    assert len(fences) == 1 + 2 * THREADS * ROUNDS
    device = get_device(database, device_id)
    assert (device.lease_holder, device.fence) == (None, fences[-1])


@pytest.mark.parametrize("lost_to", ["a lease that ran out", "a clock that stepped back"])
def test_of_many_that_find_a_dead_holder_one_takes_over(database: Database, lost_to: str) -> None:
    device_id = add_device(database)
    dead = leases.take(database, device_id, "dead")
    assert dead is not None
    expiry_s = 1.0 if lost_to == "a lease that ran out" else get_device(database, device_id).lease_expires_at_s + 3600.0
    set_columns(database, DeviceRow, device_id, lease_expires_at_s=expiry_s)
    taken = at_once(THREADS, lambda index: leases.take(database, device_id, f"worker-{index}"))
    (new,) = [lease for lease in taken if lease is not None]
    assert new.fence == dead.fence + 1
    assert not leases.renew(database, dead)


def test_a_dead_holder_that_comes_back_while_others_take_over_renews_or_loses_but_never_both(
    database: Database,
) -> None:
    device_id = add_device(database)
    for _ in range(ROUNDS):
        lease = leases.take(database, device_id, "late")
        assert lease is not None
        set_columns(database, DeviceRow, device_id, lease_expires_at_s=1.0)
        acts: tuple[Callable[[], object], ...] = (
            lambda lease=lease: leases.renew(database, lease),  # type: ignore[misc]  # bound for this round
            lambda: leases.take(database, device_id, "new"),
        )
        renewed, taken = at_once(2, lambda index, acts=acts: acts[index]())  # type: ignore[misc]  # the same
        assert bool(renewed) != (taken is not None)
        set_columns(database, DeviceRow, device_id, lease_expires_at_s=0.0, lease_holder=None)


def test_ticks_at_once_never_wake_a_device_twice_and_overlook_none(database: Database) -> None:
    device_ids = [add_device(database, f"d{index}") for index in range(12)]
    woken: list[int] = []
    with database.write() as session:
        leases.call(session, device_ids)
    for claimed in at_once(THREADS, lambda _: leases.claim_due(database)):
        woken += claimed
    woken += leases.claim_due(database)
    assert sorted(woken) == device_ids


@pytest.mark.integration
def test_of_processes_one_holds_a_lease(database: Database, tmp_path: Path) -> None:
    device_id, record = add_device(database), tmp_path / "granted.jsonl"
    url = database.engine.url.render_as_string(hide_password=False)
    arguments = json.dumps({"device_id": device_id, "record": str(record), "rounds": ROUNDS})
    racers = [
        subprocess.Popen([sys.executable, PROGRAM, arguments], env={"PIFARM_DATABASE_URL": url}, cwd=Path.cwd())
        for _ in range(3)
    ]
    assert [racer.wait(60.0) for racer in racers] == [0, 0, 0]
    granted = [json.loads(line) for line in record.read_text().splitlines()]
    assert len({line["pid"] for line in granted}) == 3
    assert len(granted) == 2 * 3 * ROUNDS
    assert [line["pid"] for line in granted[::2]] == [line["pid"] for line in granted[1::2]], "two held it at once"
    fences = [line["fence"] for line in granted[::2]]
    assert fences == sorted(set(fences))
