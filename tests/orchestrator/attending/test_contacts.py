"""What a contact teaches of a wait, and how pages see it grow shorter."""

import pytest

from agent.wire.answers import RunState, Status
from agent.wire.records import Phase
from orchestrator.attending.links import note_contact
from orchestrator.db.session import Database
from orchestrator.queries.farm import get_device
from tests.small_farm import add_device
from tests.small_farm import get_device as row_of


def hear(database: Database, device_id: int, ready_in_s: float | None) -> None:
    """A board at its gate answers."""
    status = Status(
        run_id="run", attempt=1, state=RunState.ACTIVE, phase=Phase.GATE, waiting_for="warm", ready_in_s=ready_in_s
    )
    with database.write() as session:
        note_contact(session, device_id, status)


@pytest.mark.parametrize("ready_in_s", [0.0, 170.0])
def test_what_is_left_of_a_wait_is_counted_down_from_the_contact(database: Database, ready_in_s: float) -> None:
    device_id = add_device(database)
    hear(database, device_id, ready_in_s)
    left_s = get_device(database, row_of(database, device_id).name).ready_in_s
    assert left_s is not None and max(0.0, ready_in_s - 60) <= left_s <= ready_in_s


def test_a_board_that_cannot_tell_any_more_takes_its_word_back(database: Database) -> None:
    device_id = add_device(database)
    hear(database, device_id, 170.0)
    hear(database, device_id, None)
    assert get_device(database, row_of(database, device_id).name).ready_in_s is None
