"""Blocks that are added to a study by hand: they continue it, whatever state it is in, but a cancelled one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator import studies
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.studies import MAX_RUNS
from tests.orchestrator.studies.measuring import measure_all
from tests.racing import at_once
from tests.small_farm import (
    add_device,
    add_model,
    dump,
    get_device,
    get_study,
    make_submission,
    plant,
    runs_of,
    set_columns,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def laid_out(database: Database, study_id: int) -> list[tuple[int, int, int, int]]:
    """Device, block, position and variant of every run."""
    return [(run.device_id, run.block, run.position, run.variant_id) for run in runs_of(database, study_id)]


def test_added_blocks_are_those_that_would_have_been_there_at_once(database: Database) -> None:
    add_device(database, "a")
    add_device(database, "b")
    add_model(database, labels=["v", "w", "x", "y"])

    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, 2**31), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.sampled_from([2, 3, 4]))
    def check(seed: int, goes: list[int], count: int) -> None:
        labels = ("v", "w", "x", "y")[:count]
        whole = studies.submit(database, make_submission(seed=seed, blocks=1 + sum(goes), variants=labels))
        grown = studies.submit(database, make_submission(seed=seed, blocks=1, variants=labels))
        added = [studies.extend(database, grown, blocks) for blocks in goes]
        assert added == [2 * count * blocks for blocks in goes]
        assert laid_out(database, grown) == laid_out(database, whole)
        assert get_study(database, grown).blocks == get_study(database, whole).blocks

    check()


def test_a_done_study_goes_on_and_its_devices_are_called(database: Database) -> None:
    farm = plant(database, labels=["a", "b"])
    measure_all(database, farm.study_id, lambda run: 5.0)
    assert get_study(database, farm.study_id).state is StudyState.DONE
    set_columns(database, DeviceRow, farm.device_id, next_attention_at_s=None)
    assert studies.extend(database, farm.study_id, 2) == 4
    study = get_study(database, farm.study_id)
    assert (study.state, study.ended_at_s, study.blocks) == (StudyState.ACTIVE, None, 3)
    assert get_device(database, farm.device_id).next_attention_at_s is not None
    assert ("study extended", "2 more blocks, 4 runs") in [row[2:4] for row in dump(database)["events"]]
    states = [run.state for run in runs_of(database, farm.study_id)]
    assert states == [RunState.DONE] * 2 + [RunState.QUEUED] * 4


def test_a_cancelled_study_is_not_extended_and_says_what_to_do(database: Database) -> None:
    farm = plant(database)
    studies.cancel(database, farm.study_id)
    before = dump(database)
    with pytest.raises(SpecError, match=rf"cancelled.*pifarm study retry {farm.study_id}"):
        studies.extend(database, farm.study_id, 1)
    assert dump(database) == before
    studies.retry(database, farm.study_id)
    assert studies.extend(database, farm.study_id, 1) == 1


def test_a_study_that_would_become_too_large_stays_as_it_is(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], threads=tuple(range(1, 65)))
    before = dump(database)
    with pytest.raises(SpecError, match=f"study: expected at most {MAX_RUNS} runs, got 128128"):
        studies.extend(database, farm.study_id, 1000)
    assert dump(database) == before


@pytest.mark.parametrize(("study", "blocks", "complaint"), [(9, 1, "study: 9 is unknown"), (1, 0, "blocks: expected")])
def test_what_cannot_be_extended_is_refused(database: Database, study: int, blocks: int, complaint: str) -> None:
    plant(database)
    with pytest.raises((SpecError, NotFoundError), match=complaint):
        studies.extend(database, study, blocks)


def test_two_that_extend_at_once_add_both_their_blocks_once(database: Database) -> None:
    add_device(database)
    add_model(database, labels=["a", "b", "c"])
    whole = studies.submit(database, make_submission(blocks=5))
    grown = studies.submit(database, make_submission(blocks=1))
    assert at_once(2, lambda _: studies.extend(database, grown, 2)) == [6, 6]
    assert laid_out(database, grown) == laid_out(database, whole)
