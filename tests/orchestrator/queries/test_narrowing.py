"""How narrow intervals are, as the read door shows it, while a study goes on and after it."""

import pytest

from orchestrator import studies
from orchestrator.attending.lifecycle import StudyState
from orchestrator.db.session import Database
from orchestrator.queries.studies import get_study, list_studies
from tests.orchestrator.queries.conftest import CountStatements
from tests.orchestrator.studies.measuring import measure_all, measure_next
from tests.small_farm import make_submission, plant, runs_of


def test_a_study_that_goes_on_shows_what_it_knows_so_far(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], blocks=8, until_ci=0.01)
    for _ in range(5):
        measure_next(database, farm.study_id, lambda run: 1e7 * (1 + run.block / 100 * run.position))
    study = get_study(database, farm.study_id)
    assert study.until_ci is not None
    (device,) = study.until_ci.devices
    assert (device.blocks, device.stopped, device.left_out) == (3, None, 0)
    assert device.half_width == pytest.approx(0.065, abs=0.01)
    assert (study.blocks_done, study.blocks_planned) == (2, 8)


def test_one_that_has_ended_says_why(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "never"], blocks=3, until_ci=0.01)
    never = max(run.variant_id for run in runs_of(database, farm.study_id))
    measure_all(database, farm.study_id, lambda run: None if run.variant_id == never else 1e7)
    study = get_study(database, farm.study_id)
    assert study.state is StudyState.DONE
    assert study.until_ci is not None
    assert (study.until_ci.coverage, study.until_ci.max_blocks) == (0.90, 40)
    (device,) = study.until_ci.devices
    assert (device.stopped, device.left_out, device.half_width) == ("narrow enough", 1, 0.0)


def test_many_such_studies_are_read_in_as_many_statements_as_one(
    database: Database, statements: CountStatements
) -> None:
    plant(database, labels=["a", "b"], until_ci=0.01)
    with statements(database) as few:
        list_studies(database)
    for _ in range(3):
        studies.submit(database, make_submission(until_ci=0.02))
    with statements(database) as more:
        found = list_studies(database)
    assert [study.until_ci.wanted for study in found if study.until_ci] == [0.02, 0.02, 0.02, 0.01]
    assert len(few) == len(more)
