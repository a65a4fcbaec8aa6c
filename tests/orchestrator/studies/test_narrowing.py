"""Studies that go on until their intervals are narrow: they end, for a reason that is said, and pair what they can."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import studies
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import SpecError
from orchestrator.studies.narrowing import continue_until_narrow
from tests.orchestrator.studies.measuring import measure_all, measure_next
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard
from tests.racing import at_once
from tests.small_farm import add_device, add_model, dump, get_study, make_submission, plant, runs_of, set_columns


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def scatter(cv: float, seed: int = 1) -> Callable[[RunRow], float]:
    """Run medians of 10 ms that scatter by so much."""
    rng = random.Random(seed)
    return lambda run: 1e7 * rng.lognormvariate(0.0, cv)


def until(width: float = 0.01, **changes: Any) -> dict[str, Any]:
    """What a submission says of its intervals."""
    return {"blocks": 3, "max_blocks": 12, "until_ci": width, **changes}


def decisions(database: Database) -> list[str]:
    """What the diary says of why studies went on no longer."""
    return [str(row[3]) for row in dump(database)["events"] if row[2] in ("study narrow enough", "study not narrow")]


def blocks_of(database: Database, study_id: int, device_id: int) -> int:
    """How many blocks a study has on a device."""
    return 1 + max(run.block for run in runs_of(database, study_id) if run.device_id == device_id)


def test_a_study_that_is_narrow_at_once_gets_no_more_blocks(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until())
    assert measure_all(database, farm.study_id, scatter(0.0001)) == 6
    assert get_study(database, farm.study_id).state is StudyState.DONE
    (said,) = decisions(database)
    assert said.startswith("narrow enough: +-0.0")
    assert said.endswith("after 3 blocks, wanted +-1.00%; such intervals really cover about 90%")


def test_blocks_are_added_until_the_interval_is_narrow(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until(max_blocks=40))
    measure_all(database, farm.study_id, scatter(0.01))
    blocks = blocks_of(database, farm.study_id, farm.device_id)
    assert 3 < blocks < 40
    assert [run.block for run in runs_of(database, farm.study_id)] == [n for n in range(blocks) for _ in range(2)]
    (said,) = decisions(database)
    assert said.startswith("narrow enough")
    assert f"after {blocks} blocks" in said
    assert get_study(database, farm.study_id).state is StudyState.DONE


def test_a_difference_however_clear_does_not_end_a_study(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until())
    wide = scatter(0.05)
    measure_all(database, farm.study_id, lambda run: wide(run) * (10 if run.variant_id == 1 else 1))
    assert blocks_of(database, farm.study_id, farm.device_id) == 12
    (said,) = decisions(database)
    assert said.startswith("the limit of blocks is met: +-")


def test_each_device_goes_on_for_itself_and_the_study_ends_with_the_last(database: Database) -> None:
    quiet, noisy = add_device(database, "quiet"), add_device(database, "noisy")
    add_model(database, labels=["a", "b"])
    study_id = studies.submit(database, make_submission(**until()))
    measure_all(database, study_id, scatter(0.0001), quiet)
    assert get_study(database, study_id).state is StudyState.ACTIVE
    measure_all(database, study_id, scatter(0.2), noisy)
    assert [blocks_of(database, study_id, device_id) for device_id in (quiet, noisy)] == [3, 12]
    assert get_study(database, study_id).state is StudyState.DONE
    assert len(decisions(database)) == 2


def test_a_single_variant_is_measured_until_its_median_is_known_well_enough(database: Database) -> None:
    farm = plant(database, labels=["a"], **until(max_blocks=40))
    measure_all(database, farm.study_id, scatter(0.01))
    assert 3 <= blocks_of(database, farm.study_id, farm.device_id) < 40
    assert decisions(database)[0].startswith("narrow enough")


def test_a_variant_that_never_works_holds_nobody_up(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "never"], **until())
    good = scatter(0.0001)
    never = max(run.variant_id for run in runs_of(database, farm.study_id))
    measure_all(database, farm.study_id, lambda run: None if run.variant_id == never else good(run))
    assert blocks_of(database, farm.study_id, farm.device_id) == 3
    assert "1 variants without recent results left out" in decisions(database)[0]


@pytest.mark.parametrize("median", [None, -1e7])
def test_a_study_of_which_nothing_can_be_used_ends(database: Database, median: float | None) -> None:
    farm = plant(database, labels=["a", "b"], **until())
    assert measure_all(database, farm.study_id, lambda run: median) == 6
    assert get_study(database, farm.study_id).state is StudyState.DONE
    assert decisions(database)[0].startswith("nothing could be measured: no interval yet")


def test_runs_that_fail_or_are_invalid_now_and_then_cost_blocks_and_end_all_the_same(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until(width=0.001, max_blocks=15))
    fates, good = itertools.cycle([1, 1, None, 1, -1]), scatter(0.01)

    def median(run: RunRow) -> float | None:
        fate = next(fates)
        return None if fate is None else fate * good(run)

    assert measure_all(database, farm.study_id, median) == 30
    assert decisions(database)[0].startswith("the limit of blocks is met")


def test_only_blocks_that_both_have_count_and_start_groups_are_not_paired(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until(max_blocks=3))
    steady = scatter(0.0001)
    while measure_next(database, farm.study_id, lambda run: None if run.block == 0 and run.position else steady(run)):
        pass
    assert decisions(database)[0].startswith("narrow enough")
    last = next(run for run in runs_of(database, farm.study_id) if run.block == 2)
    set_columns(database, RunRow, last.id, start_group=1)
    with database.write() as session:
        continue_until_narrow(session, get_study(database, farm.study_id), farm.device_id)
    assert decisions(database)[1].startswith("the limit of blocks is met: no interval yet")


def test_a_retried_run_is_weighed_again_when_it_ends(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], **until(max_blocks=3))
    steady = scatter(0.0001)
    measure_all(database, farm.study_id, lambda run: None if run.block == 1 and run.position else steady(run))
    studies.retry(database, farm.study_id)
    measure_all(database, farm.study_id, steady)
    assert len(decisions(database)) == 2
    assert get_study(database, farm.study_id).state is StudyState.DONE


def test_when_a_cancel_and_the_end_of_the_last_run_meet_no_run_is_left_waiting(database: Database) -> None:
    add_device(database)
    add_model(database, labels=["a", "b"])
    for _ in range(5):
        study_id, wide = studies.submit(database, make_submission(**until())), scatter(0.1)
        for _ in range(5):
            measure_next(database, study_id, wide)

        def act(index: int, study_id: int = study_id, wide: Callable[[RunRow], float] = wide) -> object:
            return studies.cancel(database, study_id) if index else measure_next(database, study_id, wide)

        at_once(2, act)
        assert get_study(database, study_id).state is StudyState.CANCELLED
        assert RunState.QUEUED not in {run.state for run in runs_of(database, study_id)}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"until_ci": 0.0001}, r"until-ci: expected 0.1%..50%, got 0.0100%"),
        ({"until_ci": 1.0}, r"until-ci: expected 0.1%..50%, got 100"),
        ({"max_blocks": 5}, "max-blocks: means nothing without --until-ci"),
        ({"until_ci": 0.01, "blocks": 8, "max_blocks": 7}, r"max-blocks: expected 8 \(blocks\)..1000, got 7"),
    ],
)
def test_a_wish_without_sense_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_submission(**changes)


def test_an_attendant_that_ends_the_last_run_goes_on_with_the_block_that_is_added(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard, variants=("fp32", "int8"), blocks=1, until_ci=0.01)
    yard.work()
    runs = runs_of(yard.database, study_id)
    assert [run.block for run in runs] == [0, 0, 1, 1]
    assert board.started == [f"{run.id}.1" for run in runs]
    assert decisions(yard.database)[0].startswith("narrow enough: +-0.00% after 2 blocks")
    assert get_study(yard.database, study_id).state is StudyState.DONE


def test_when_two_devices_end_their_runs_at_once_each_gets_one_block(database: Database) -> None:
    devices = [add_device(database, "a"), add_device(database, "b")]
    add_model(database, labels=["a", "b"])
    for _ in range(5):
        study_id, wide = studies.submit(database, make_submission(**until())), scatter(0.1)
        for device_id in devices:
            for _ in range(5):
                measure_next(database, study_id, wide, device_id)

        def act(index: int, study_id: int = study_id, wide: Callable[[RunRow], float] = wide) -> bool:
            return measure_next(database, study_id, wide, devices[index])

        assert at_once(2, act) == [True, True]
        assert [blocks_of(database, study_id, device_id) for device_id in devices] == [4, 4]
        assert len(runs_of(database, study_id)) == 16
        assert get_study(database, study_id).state is StudyState.ACTIVE
