"""Leases and wake-up marks: who may act for a device, and that no work and no device is overlooked.

Time passes by setting columns, and a clock that steps back by an hour is one that finds every time an hour further
ahead. Each test runs on SQLite and on a real PostgreSQL; races of threads are here, those of processes in
`test_lease_races`.
"""

import pytest
from sqlalchemy import select

from orchestrator.attending import leases
from orchestrator.attending.leases import LEASE_S, LOST_WAKE_S, MAX_WAKES_A_TICK, SLACK_S, Lease
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from tests.racing import at_once
from tests.small_farm import add_device, get_device, plant, set_columns, start_attempt

LONG_AGO_S = 1.0
HOUR_S = 3600.0


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def take(database: Database, device_id: int, holder: str = "worker-1") -> Lease:
    """A lease that nobody else holds."""
    lease = leases.take(database, device_id, holder)
    assert lease is not None
    return lease


def let_it_expire(database: Database, lease: Lease) -> None:
    """As if the holder had been silent for longer than its lease."""
    set_columns(database, DeviceRow, lease.device_id, lease_expires_at_s=LONG_AGO_S)


def call(database: Database, *device_ids: int) -> None:
    """Mark devices as due."""
    with database.write() as session:
        leases.call(session, list(device_ids))


def seconds_until(database: Database, device_id: int) -> float | None:
    """After how many seconds a device wants attention."""
    with database.read() as session:
        value: float | None = session.scalar(
            select(DeviceRow.next_attention_at_s - now_s()).where(DeviceRow.id == device_id)
        )
        return value


def step_clock_back(database: Database, device_id: int, by_s: float = HOUR_S) -> None:
    """As if the database's clock had been set back."""
    device = get_device(database, device_id)
    names = ("lease_expires_at_s", "next_attention_at_s", "attention_noted_at_s", "wake_after_s")
    marks = {name: getattr(device, name) for name in names}
    set_columns(database, DeviceRow, device_id, **{name: at_s + by_s for name, at_s in marks.items() if at_s})


def test_the_databases_clock_reads_the_time_of_day(database: Database) -> None:
    with database.read() as session:
        before, after = session.scalar(select(now_s())), session.scalar(select(now_s()))
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert 1.7e9 < before <= after < 1e10


def test_while_a_lease_is_held_nobody_else_gets_one(database: Database) -> None:
    device_id = add_device(database)
    assert take(database, device_id) == Lease(device_id=device_id, holder="worker-1", fence=1)
    assert leases.take(database, device_id, "worker-2") is None
    assert leases.take(database, device_id, "worker-1") is None


def test_leases_of_two_devices_do_not_know_of_each_other(database: Database) -> None:
    take(database, add_device(database, "a"))
    take(database, add_device(database, "b"), "worker-2")


def test_a_lease_runs_out_and_the_next_holder_has_a_higher_fence(database: Database) -> None:
    silent = take(database, add_device(database))
    let_it_expire(database, silent)
    assert take(database, silent.device_id, "worker-2").fence == silent.fence + 1


def test_a_lease_that_was_given_back_can_be_taken_at_once_and_the_fence_still_grows(database: Database) -> None:
    first = take(database, add_device(database))
    leases.release(database, first, None)
    assert take(database, first.device_id, "worker-2").fence == first.fence + 1


def test_renewing_gives_a_lease_its_full_length_again(database: Database) -> None:
    lease = take(database, add_device(database))
    set_columns(database, DeviceRow, lease.device_id, lease_expires_at_s=now_s() + 5.0)
    assert leases.renew(database, lease)
    with database.read() as session:
        left_s = session.scalar(select(DeviceRow.lease_expires_at_s - now_s()))
    assert left_s is not None
    assert LEASE_S - 10.0 < left_s <= LEASE_S


def test_an_expired_lease_cannot_be_renewed_even_if_nobody_took_it(database: Database) -> None:
    lease = take(database, add_device(database))
    let_it_expire(database, lease)
    assert not leases.renew(database, lease)


def test_whoever_lost_a_lease_can_do_nothing_over_the_new_holder(database: Database) -> None:
    lost = take(database, add_device(database))
    let_it_expire(database, lost)
    new = take(database, lost.device_id, "worker-2")
    assert not leases.renew(database, lost)
    assert leases.overtake(database, lost, 100) is None
    leases.release(database, lost, 5.0)
    device = get_device(database, lost.device_id)
    assert (device.lease_holder, device.fence, device.next_attention_at_s) == ("worker-2", new.fence, None)
    assert leases.renew(database, new)


def test_the_same_worker_does_not_hold_its_own_lost_lease(database: Database) -> None:
    lost = take(database, add_device(database))
    let_it_expire(database, lost)
    take(database, lost.device_id)
    assert not leases.renew(database, lost)


@pytest.mark.parametrize(("board_number", "expected"), [(7, 8), (1, 2), (0, 2)])
def test_after_a_restore_the_fence_goes_above_the_boards_and_never_back(
    database: Database, board_number: int, expected: int
) -> None:
    lease = take(database, add_device(database))
    assert lease.fence == 1
    overtaken = leases.overtake(database, lease, board_number)
    assert overtaken == Lease(device_id=lease.device_id, holder="worker-1", fence=expected)
    assert leases.renew(database, overtaken)
    assert not leases.renew(database, lease)


def test_a_device_with_nothing_to_do_is_left_alone(database: Database) -> None:
    lease = take(database, add_device(database))
    leases.release(database, lease, None)
    assert get_device(database, lease.device_id).next_attention_at_s is None
    assert leases.claim_due(database) == []


def test_work_submitted_while_the_lease_was_held_is_not_overlooked(database: Database) -> None:
    farm = plant(database)
    lease = take(database, farm.device_id)
    set_columns(database, DeviceRow, farm.device_id, next_attention_at_s=None)
    leases.release(database, lease, None)
    assert leases.claim_due(database) == [farm.device_id]


def test_an_open_attempt_is_not_overlooked_either(database: Database) -> None:
    farm = plant(database)
    lease = take(database, farm.device_id)
    start_attempt(database, farm.device_id)
    leases.release(database, lease, None)
    assert leases.claim_due(database) == [farm.device_id]


@pytest.mark.parametrize("state", [DeviceState.DRAINED, DeviceState.SICK])
def test_a_device_out_of_service_is_not_called_for_its_queue(database: Database, state: DeviceState) -> None:
    farm = plant(database)
    lease = take(database, farm.device_id)
    set_columns(database, DeviceRow, farm.device_id, state=state)
    leases.release(database, lease, None)
    assert leases.claim_due(database) == []


def test_a_promised_time_of_return_is_kept(database: Database) -> None:
    farm = plant(database)
    leases.release(database, take(database, farm.device_id), 120.0)
    left_s = seconds_until(database, farm.device_id)
    assert left_s is not None
    assert 100.0 < left_s <= 120.0
    assert leases.claim_due(database) == []


def test_a_due_device_is_woken_once_and_again_only_if_the_message_seems_lost(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    assert leases.claim_due(database) == [device_id]
    assert leases.claim_due(database) == []
    set_columns(database, DeviceRow, device_id, wake_after_s=now_s() + LOST_WAKE_S - 14.5)
    assert leases.claim_due(database) == []
    set_columns(database, DeviceRow, device_id, wake_after_s=now_s() - 0.001)
    assert leases.claim_due(database) == [device_id]


def test_the_mark_lasts_as_long_as_a_message_may_take(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    leases.claim_due(database)
    with database.read() as session:
        marked_s = session.scalar(select(DeviceRow.wake_after_s - now_s()))
    assert marked_s is not None
    assert LOST_WAKE_S - 5.0 < marked_s <= LOST_WAKE_S


def test_a_new_call_wakes_a_device_that_is_marked_already(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    leases.claim_due(database)
    call(database, device_id)
    assert leases.claim_due(database) == [device_id]


def test_an_attendant_clears_the_mark_so_that_its_device_can_be_woken_again_at_once(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    leases.claim_due(database)
    leases.release(database, take(database, device_id), 0.0)
    assert leases.claim_due(database) == [device_id]


def test_a_device_is_not_woken_while_somebody_looks_after_it_but_when_that_one_has_gone_silent(
    database: Database,
) -> None:
    device_id = add_device(database)
    call(database, device_id)
    lease = take(database, device_id)
    assert leases.claim_due(database) == []
    let_it_expire(database, lease)
    assert leases.claim_due(database) == [device_id]


def test_a_tick_wakes_a_limited_number_the_longest_due_first(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            DeviceRow(
                name=f"d{index}",
                machine_key=f"m{index}",
                board="",
                board_type="pi5",
                probe={},
                probed_at_s=0.0,
                python="python3",
                bundle_hash="b" * 64,
                next_attention_at_s=1000.0 - index,
            )
            for index in range(MAX_WAKES_A_TICK + 5)
        )
    first = leases.claim_due(database)
    second = leases.claim_due(database)
    assert len(first) == MAX_WAKES_A_TICK
    assert sorted(first + second) == list(range(1, MAX_WAKES_A_TICK + 6))
    assert sorted(second) == [1, 2, 3, 4, 5]


def test_of_many_who_want_a_lease_at_once_exactly_one_gets_it(database: Database) -> None:
    device_id = add_device(database)
    for expected_fence in (1, 2, 3):
        taken = at_once(6, lambda index: leases.take(database, device_id, f"worker-{index}"))
        winners = [lease for lease in taken if lease is not None]
        assert [lease.fence for lease in winners] == [expected_fence]
        leases.release(database, winners[0], None)


def test_of_many_ticks_at_once_one_wakes_a_device(database: Database) -> None:
    device_ids = [add_device(database, f"d{index}") for index in range(4)]
    call(database, *device_ids)
    woken = at_once(4, lambda _: leases.claim_due(database))
    assert sorted(device_id for ids in woken for device_id in ids) == device_ids


def test_work_that_is_submitted_while_a_lease_is_given_back_is_always_seen(database: Database) -> None:
    farm = plant(database)
    for _ in range(5):
        set_columns(database, DeviceRow, farm.device_id, next_attention_at_s=None)
        lease = take(database, farm.device_id)

        def act(index: int, lease: Lease = lease) -> None:
            if index:
                call(database, farm.device_id)
            else:
                leases.release(database, lease, None)

        at_once(2, act)
        assert leases.claim_due(database) == [farm.device_id]


def test_a_clock_that_steps_back_does_not_keep_a_device_for_a_holder_that_is_gone(database: Database) -> None:
    gone = take(database, add_device(database))
    step_clock_back(database, gone.device_id)
    assert take(database, gone.device_id, "worker-2").fence == gone.fence + 1
    assert not leases.renew(database, gone)


def test_a_clock_that_steps_back_takes_no_lease_from_a_holder_that_lives(database: Database) -> None:
    lease = take(database, add_device(database))
    step_clock_back(database, lease.device_id)
    assert leases.renew(database, lease)
    assert leases.take(database, lease.device_id, "worker-2") is None


def test_a_lease_that_ends_as_late_as_one_can_is_held(database: Database) -> None:
    lease = take(database, add_device(database))
    step_clock_back(database, lease.device_id, SLACK_S - 1.0)
    assert leases.take(database, lease.device_id, "worker-2") is None


def test_a_clock_that_steps_back_delays_no_call(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    step_clock_back(database, device_id)
    assert leases.claim_due(database) == [device_id]


def test_a_clock_that_steps_back_delays_no_second_message_after_a_lost_one(database: Database) -> None:
    device_id = add_device(database)
    call(database, device_id)
    assert leases.claim_due(database) == [device_id]
    step_clock_back(database, device_id)
    assert leases.claim_due(database) == [device_id]
    assert leases.claim_due(database) == []


def test_a_clock_that_steps_back_delays_no_promised_return(database: Database) -> None:
    farm = plant(database)
    leases.release(database, take(database, farm.device_id), 300.0)
    step_clock_back(database, farm.device_id)
    assert leases.claim_due(database) == [farm.device_id]


def test_an_announced_quiet_of_hours_is_kept(database: Database) -> None:
    farm = plant(database)
    leases.release(database, take(database, farm.device_id), 5 * HOUR_S)
    assert leases.claim_due(database) == []


def test_a_device_with_nothing_to_do_is_left_alone_when_the_clock_steps_back(database: Database) -> None:
    lease = take(database, add_device(database))
    leases.release(database, lease, None)
    step_clock_back(database, lease.device_id)
    assert leases.claim_due(database) == []
