"""Searches for the highest rate in SQL: each step follows from the one before, in the transaction that ends it."""

from typing import Any

import pytest

from orchestrator import studies
from orchestrator.analysis.rate_search import Search
from orchestrator.attending import picking
from orchestrator.attending.lifecycle import RunState, StudyKind, StudyState, Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import SpecError
from orchestrator.studies import Start
from tests.orchestrator.studies.stepping import step, steps, wish
from tests.racing import at_once
from tests.small_farm import (
    add_device,
    add_model,
    dump,
    get_study,
    make_submission,
    open_attempt,
    plant,
    runs_of,
    set_columns,
)


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def said(database: Database, kind: str) -> list[str]:
    """What the diary says of a kind, in order."""
    return [str(row[3]) for row in sorted(dump(database)["events"]) if row[2] == kind]


def test_a_search_begins_with_one_step_and_goes_on_until_the_rate_is_confirmed(database: Database) -> None:
    farm = plant(database, **wish())
    (first,) = runs_of(database, farm.study_id)
    assert (first.rate_per_s, first.step_s, first.block) == (1.0, None, 0)
    assert steps(database, farm.study_id, lambda run: 3.0) == 4
    runs = runs_of(database, farm.study_id)
    assert [run.block for run in runs] == [0, 1, 2, 3]
    assert [run.step_s for run in runs] == [None, 600.0, 600.0, 1800.0]
    assert runs[-1].rate_per_s == runs[1].rate_per_s == pytest.approx(2.947, abs=0.001)
    assert get_study(database, farm.study_id).state is StudyState.DONE


def test_the_diary_says_why_each_rate_was_chosen_and_what_came_of_it(database: Database) -> None:
    farm = plant(database, **wish())
    steps(database, farm.study_id, lambda run: 3.0)
    name = "fp32@onnxruntime,t1"
    assert said(database, "pace step") == [
        f"{name}: begins with 1/s: nothing is known of this variant on this board",
        f"{name}: next 2.947/s: by its temperature the board holds about 3/s",
        f"{name}: next 3.054/s: by its temperature the board holds about 3/s",
        f"{name}: next 2.947/s, for longer: a long step confirms what was held",
    ]
    (ended,) = said(database, "pace ended")
    assert ended == (f"{name}: the highest held rate is confirmed: 2.947/s held, 3.054/s not held, after 4 steps")


def test_each_variant_on_each_device_is_a_search_of_its_own(database: Database) -> None:
    one, other = add_device(database, "one"), add_device(database, "other")
    add_model(database, labels=["a", "b"])
    study_id = studies.submit(database, make_submission(**wish()))
    limits = {run.variant_id: 2.0 + run.position for run in runs_of(database, study_id) if run.device_id == one}

    def limit(run: RunRow) -> float:
        return limits[run.variant_id] + (3.0 if run.device_id == other else 0.0)

    steps(database, study_id, limit, one)
    assert get_study(database, study_id).state is StudyState.ACTIVE
    steps(database, study_id, limit, other)
    assert get_study(database, study_id).state is StudyState.DONE
    for device_id in (one, other):
        for variant_id in limits:
            own = [r for r in runs_of(database, study_id) if (r.device_id, r.variant_id) == (device_id, variant_id)]
            assert own[-1].rate_per_s is not None and own[-1].step_s == 1800.0
            assert 1 / 1.05 < own[-1].rate_per_s / limit(own[-1]) <= 1.0
    assert len(said(database, "pace ended")) == 4, "each end is told once"


def test_what_a_board_is_sent_has_the_rate_and_the_length_of_its_step(database: Database) -> None:
    farm = plant(database, **wish(Search(start_per_s=2.0)))
    opened = open_attempt(database, farm.device_id)
    assert opened.protocol.pace is not None and opened.protocol.pace.rate_per_s == 2.0
    assert opened.protocol.window.min_s == opened.protocol.window.max_s == 600.0
    set_columns(database, RunRow, opened.run_id, rate_per_s=0.25, step_s=1800.0)
    again = picking.current(database, farm.device_id)
    assert again is not None and again.protocol.pace is not None
    assert (again.protocol.pace.rate_per_s, again.protocol.window.min_s) == (0.25, 1800.0)


def test_a_search_begins_where_earlier_runs_foretell_it_unless_told_otherwise(database: Database) -> None:
    device_id = add_device(database)
    add_model(database, labels=["fp32"])
    starts = {(device_id, 1, "onnxruntime", 1): Start(rate_per_s=4.2, why="by the fit of soak abc")}
    foretold = studies.submit(database, make_submission(**wish(starts=starts)))
    asked = studies.submit(database, make_submission(**wish(Search(start_per_s=7.0), starts=starts)))
    assert [runs_of(database, study)[0].rate_per_s for study in (foretold, asked)] == [4.2, 7.0]
    assert said(database, "pace step")[0].endswith("begins with 4.2/s: by the fit of soak abc")


@pytest.mark.parametrize("outcome", [0.0, -3.0])
def test_a_step_that_failed_or_is_invalid_ends_the_search_and_a_retry_takes_it_up(
    database: Database, outcome: float
) -> None:
    farm = plant(database, **wish())
    step(database, farm.study_id, lambda run: 3.0)
    step(database, farm.study_id, lambda run: outcome)
    assert get_study(database, farm.study_id).state is StudyState.DONE
    assert said(database, "pace ended")[0].startswith("fp32@onnxruntime,t1: a step could not be measured: 1/s held")
    assert studies.retry(database, farm.study_id) == 1
    assert steps(database, farm.study_id, lambda run: 3.0) == 3
    assert get_study(database, farm.study_id).state is StudyState.DONE
    assert runs_of(database, farm.study_id)[-1].step_s == 1800.0


def test_a_cancelled_search_makes_no_further_step(database: Database) -> None:
    farm = plant(database, **wish())
    step(database, farm.study_id, lambda run: 3.0)
    studies.cancel(database, farm.study_id)
    assert [run.state for run in runs_of(database, farm.study_id)] == [RunState.DONE, RunState.CANCELLED]
    assert studies.retry(database, farm.study_id) == 1
    assert steps(database, farm.study_id, lambda run: 3.0) == 3


def test_when_two_devices_end_their_steps_at_once_each_gets_one(database: Database) -> None:
    devices = [add_device(database, "a"), add_device(database, "b")]
    add_model(database, labels=["fp32"])
    study_id = studies.submit(database, make_submission(**wish()))
    assert at_once(2, lambda index: step(database, study_id, lambda run: 3.0, devices[index])) == [True, True]
    assert [run.block for run in runs_of(database, study_id)] == [0, 1, 0, 1]


def test_blocks_are_not_added_to_a_search_by_hand(database: Database) -> None:
    farm = plant(database, **wish())
    with pytest.raises(SpecError, match="it is a search for a rate"):
        studies.extend(database, farm.study_id, 1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"kind": StudyKind.SUBMITTED}, "expected one with the kind pace"),
        ({"search": None}, "expected one with the kind pace"),
        ({"blocks": 2}, "expected one block to begin with"),
        ({"until_ci": 0.01}, "expected one block to begin with"),
    ],
)
def test_a_search_that_is_none_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_submission(**{**wish(), **changes})


def test_an_invalid_verdict_is_no_step(database: Database) -> None:
    farm = plant(database, **wish())
    step(database, farm.study_id, lambda run: -3.0)
    (run,) = runs_of(database, farm.study_id)
    assert (run.verdict, run.step is None) == (Verdict.INVALID, False)
    assert said(database, "pace ended") == [
        "fp32@onnxruntime,t1: a step could not be measured: no rate held after 1 steps"
    ]
