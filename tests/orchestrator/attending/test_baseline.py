"""Start groups: what gates teach a study of a device, and when its start temperature is given up."""

import dataclasses

import pytest

from agent.wire.records import GatePassed, Record
from agent.wire.spec import Protocol
from orchestrator.attending import results
from orchestrator.attending.baseline import MAX_TIMEOUTS
from orchestrator.attending.ingest import ingest
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow, StudyDeviceRow
from orchestrator.protocols import preset
from tests.journals import completed_records, encode_journal
from tests.small_farm import SmallFarm, dump, get_run, plant, start_attempt

STANDARD = preset("standard").protocol


def farm_of(database: Database, protocol: Protocol = STANDARD) -> SmallFarm:
    """A device with a study of several blocks."""
    return plant(database, protocol=protocol, blocks=4)


def measure(database: Database, farm: SmallFarm, **gate: object) -> RunRow:
    """The device's next run, with a gate that went so."""
    opened = start_attempt(database, farm.device_id)
    records: list[Record] = [
        dataclasses.replace(record, **gate) if isinstance(record, GatePassed) else record  # type: ignore[arg-type]  # any field
        for record in completed_records(opened.run_id, opened.number, start_c=48.0)
    ]
    with database.write() as session:
        attempt = session.get_one(AttemptRow, opened.attempt_id)
        taken = ingest(session, attempt, encode_journal(records), attempt.cursor_byte)
        assert taken.ended is not None
        results.settle(session, attempt, taken.ended)
    return get_run(database, opened.run_id)


def shared(database: Database, farm: SmallFarm) -> StudyDeviceRow:
    """What the study knows of the device."""
    with database.read() as session:
        row = session.get_one(StudyDeviceRow, (farm.study_id, farm.device_id))
        session.expunge(row)
        return row


def time_out(database: Database, farm: SmallFarm, times: int, temperature_c: float = 52.0) -> list[int]:
    """So many gates time out; the start groups of their runs."""
    return [
        measure(database, farm, timed_out=True, temperature_c=temperature_c, start_c=48.0).start_group
        for _ in range(times)
    ]


def test_a_gate_teaches_start_idle_temperature_and_time_constant_and_later_ones_keep_the_start(
    database: Database,
) -> None:
    farm = farm_of(database)
    measure(database, farm, idle_c=42.0, idle_error_c=0.3)
    measure(database, farm, idle_c=42.9, tau_s=350.0, start_c=50.0)
    row = shared(database, farm)
    assert (row.start_c, row.idle_c, row.tau_s, row.start_group) == (48.0, 42.9, 350.0, 0)


def test_the_third_time_out_in_a_row_opens_a_start_group_that_finds_its_temperature_anew(database: Database) -> None:
    farm = farm_of(database)
    measure(database, farm)
    assert time_out(database, farm, MAX_TIMEOUTS) == [0] * MAX_TIMEOUTS
    row = shared(database, farm)
    assert (row.start_group, row.start_c, row.gate_timeouts_in_row) == (1, None, 0)
    assert "start group opened" in [str(event[2]) for event in dump(database)["events"]]
    opened = start_attempt(database, farm.device_id)
    assert opened.protocol.gate.above_idle_c == STANDARD.gate.above_idle_c
    assert get_run(database, opened.run_id).start_group == 1


def test_a_gate_that_opens_ends_the_row(database: Database) -> None:
    farm = farm_of(database)
    time_out(database, farm, MAX_TIMEOUTS - 1)
    measure(database, farm)
    time_out(database, farm, 1)
    row = shared(database, farm)
    assert (row.start_group, row.gate_timeouts_in_row) == (0, 1)


def test_time_outs_at_the_wanted_temperature_are_somebody_elses_load(database: Database) -> None:
    farm = farm_of(database)
    time_out(database, farm, MAX_TIMEOUTS, temperature_c=48.5)
    assert shared(database, farm).start_group == 0


@pytest.mark.parametrize("change", [{"above_idle_c": None, "start_c": 48.0}, {"above_idle_c": None, "max_c": 40.0}])
def test_a_start_that_the_study_itself_asks_for_is_not_given_up(
    database: Database, change: dict[str, float | None]
) -> None:
    farm = farm_of(database, dataclasses.replace(STANDARD, gate=dataclasses.replace(STANDARD.gate, **change)))  # type: ignore[arg-type]  # any field
    time_out(database, farm, MAX_TIMEOUTS)
    assert shared(database, farm).start_group == 0
