"""Labels and rooms that people state: a run keeps what held when it began, whatever is said afterwards."""

import pytest
from sqlalchemy import select

from orchestrator.boards.ambient import AmbientSource
from orchestrator.boards.surroundings import forget_ambient, relabel, type_in_ambient
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, EventRow, RunRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.farm import get_device
from tests.small_farm import SmallFarm, finish, get_run, plant, runs_of, set_columns, start_attempt

DEVICE = "pi5-kitchen"


@pytest.fixture
def farm(database: Database) -> SmallFarm:
    """A device without labels, and a study of one run on it."""
    return plant(database)


def started_run(database: Database, farm: SmallFarm) -> RunRow:
    """The run, just started."""
    start_attempt(database, farm.device_id)
    return get_run(database, runs_of(database, farm.study_id)[0].id)


def messages(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(EventRow.message).where(EventRow.kind == "device changed")))


def test_a_run_keeps_the_labels_that_held_when_it_began(database: Database, farm: SmallFarm) -> None:
    assert relabel(database, DEVICE, {"cooling": "bare", "case": "none"}) == {"cooling": "bare", "case": "none"}
    run = started_run(database, farm)
    assert relabel(database, DEVICE, {"cooling": "fan", "case": None}) == {"cooling": "fan"}
    assert get_run(database, run.id).labels == {"cooling": "bare", "case": "none"}
    assert messages(database)[-1] == "pi5-kitchen: labels cooling=fan, before: cooling=bare, case=none"


def test_a_run_that_waits_has_no_labels_yet(database: Database, farm: SmallFarm) -> None:
    relabel(database, DEVICE, {"cooling": "bare"})
    assert runs_of(database, farm.study_id)[0].labels is None


def test_labels_that_cannot_be_are_refused_and_nothing_changes(database: Database, farm: SmallFarm) -> None:
    relabel(database, DEVICE, {"cooling": "bare"})
    with pytest.raises(SpecError, match="no such label to take away; it has cooling"):
        relabel(database, DEVICE, {"cooling": "fan", "case": None})
    with pytest.raises(SpecError, match="ambient=23"):
        relabel(database, DEVICE, {"ambient": "warm"})
    with pytest.raises(NotFoundError, match="pi5-kitchen"):
        relabel(database, "nobody", {"cooling": "fan"})
    assert get_device(database, DEVICE).labels == {"cooling": "bare"}


def test_a_run_keeps_the_reading_that_was_typed_in_before_it(database: Database, farm: SmallFarm) -> None:
    type_in_ambient(database, DEVICE, 23.5, 12.0)
    run = started_run(database, farm)
    type_in_ambient(database, DEVICE, 31.0, None)
    kept = get_run(database, run.id)
    assert (kept.ambient_c, kept.ambient_source) == (23.5, AmbientSource.TYPED)
    assert messages(database) == [
        "pi5-kitchen: room 23.5 C, typed in, holds for 12 h",
        "pi5-kitchen: room 31.0 C, typed in, holds until another reading",
    ]


def test_a_reading_that_ran_out_says_nothing_of_later_runs(database: Database, farm: SmallFarm) -> None:
    type_in_ambient(database, DEVICE, 23.5, 1.0)
    relabel(database, DEVICE, {"ambient": "21"})
    with database.read() as session:
        typed_at_s = session.get_one(DeviceRow, farm.device_id).ambient_at_s or 0.0
    set_columns(database, DeviceRow, farm.device_id, ambient_at_s=typed_at_s - 7200, ambient_until_s=typed_at_s - 3600)
    run = started_run(database, farm)
    assert (run.ambient_c, run.ambient_source) == (21.0, AmbientSource.LABEL)


def test_a_room_that_nobody_states_is_not_known(database: Database, farm: SmallFarm) -> None:
    type_in_ambient(database, DEVICE, 23.5, None)
    assert get_device(database, DEVICE).ambient_c == 23.5
    forget_ambient(database, DEVICE)
    assert get_device(database, DEVICE).ambient_c is None
    run = started_run(database, farm)
    assert (run.ambient_c, run.ambient_source) == (None, None)


def test_a_study_submitted_with_its_room_says_so_until_somebody_knows_better(database: Database) -> None:
    farm = plant(database, labels=("fp32", "int8"), ambient_c=19.0)
    first = start_attempt(database, farm.device_id)
    finish(database, first)
    type_in_ambient(database, DEVICE, 27.0, None)
    second = start_attempt(database, farm.device_id)
    rooms = [get_run(database, each.run_id).ambient_c for each in (first, second)]
    assert rooms == [19.0, 27.0]


def test_hours_and_degrees_are_checked(database: Database, farm: SmallFarm) -> None:
    with pytest.raises(SpecError, match="more than 0"):
        type_in_ambient(database, DEVICE, 23.5, -1.0)
    with pytest.raises(SpecError, match="got 99"):
        type_in_ambient(database, DEVICE, 99.0, None)
