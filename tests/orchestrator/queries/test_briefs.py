"""Runs in brief, and where runs are."""

from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.session import Database
from orchestrator.queries.briefs import Among, list_briefs, list_places, list_study_briefs
from tests import factories
from tests.soaks import two_regimes


def test_the_newest_runs_come_first_and_those_that_wait_last(database: Database) -> None:
    measured = factories.fill(database).study
    waiting = factories.add_study(database)

    found = list_briefs(database, Among())

    started = [run.started_at_s for run in found if run.started_at_s is not None]
    assert started == sorted(started, reverse=True)
    assert [run.study for run in found] == [measured] * 12 + [waiting] * 6
    assert len(list_briefs(database, Among(), limit=5)) == 5


def test_only_runs_that_rank_are_listed_where_that_is_asked(database: Database) -> None:
    study = factories.fill(database).study
    left_out, *_ = factories.run_ids(database, study)
    factories.change_run(database, left_out, verdict=Verdict.INVALID)

    found = list_briefs(database, Among(model="yolov9-c", board_type="pi5", regime="burst", is_ranked=True))

    assert len(found) == 11
    assert left_out not in {run.run for run in found}


def test_a_place_is_a_model_on_a_board_in_a_regime_the_newest_first(database: Database) -> None:
    burst, sustained = two_regimes(database)
    factories.change_run(database, factories.run_ids(database, burst)[0], ended_at_s=2e9)

    places = list_places(database)

    assert [(place.model, place.board_type, place.regime, place.ended) for place in places] == [
        ("yolov9-c", "pi5", "burst", 10),
        ("yolov9-c", "pi5", "sustained", 10),
    ]
    assert [study.study for study in list_study_briefs(database)] == [sustained, burst]
