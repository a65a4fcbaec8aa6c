"""What a search for the highest rate has come to, as people and programs read it; and that its steps are not ranked."""

import pytest

from orchestrator.analysis.rate_search import Search
from orchestrator.attending.lifecycle import RunState
from orchestrator.db.session import Database
from orchestrator.errors import NotFoundError
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.pace import PaceResult, read_searches
from orchestrator.queries.studies import list_studies
from orchestrator.text import pace_text
from tests.orchestrator.studies.stepping import step, steps, wish
from tests.small_farm import plant


def only(database: Database, study_id: int) -> PaceResult:
    """The one search of a study."""
    (found,) = read_searches(database, study_id)
    return found


def test_a_search_that_is_confirmed_says_what_is_held_and_what_is_not(database: Database) -> None:
    farm = plant(database, **wish())
    steps(database, farm.study_id, lambda run: 3.0)
    found = only(database, farm.study_id)
    assert (found.device, found.variant, found.within) == ("pi5-kitchen", "fp32@onnxruntime,t1", 0.05)
    assert found.held_per_s == pytest.approx(2.947, abs=1e-3)
    assert found.not_held_per_s == pytest.approx(3.054, abs=1e-3)
    assert (found.why_not, found.is_confirmed, found.is_for_ever) == ("throttled", True, True)
    assert (found.held_for_s, found.deadlines) == (1800.0, "held")
    assert found.ended == "the highest held rate is confirmed"
    assert (found.room_low_c, found.room_high_c) == (25.0, 25.0)
    assert [each.answer for each in found.steps] == ["held", "held", "throttled", "held"]
    assert [each.length_s for each in found.steps] == [600.0, 600.0, 600.0, 1800.0]
    assert found.elsewhere == () and "it has no inference yet" in found.no_elsewhere


def test_it_reads_like_a_sentence(database: Database) -> None:
    farm = plant(database, **wish())
    steps(database, farm.study_id, lambda run: 3.0)
    said = list(pace_text.search_lines(only(database, farm.study_id)))
    assert said[0] == "fp32@onnxruntime,t1 on pi5-kitchen: holds 2.95/s for ever at 25.0 °C, not 3.05/s: throttled"
    assert said[-1] == "  the highest held rate is confirmed"
    rows = pace_text.step_rows(only(database, farm.study_id))
    assert rows[2][:6] == ["3.05/s", "10 min 00 s", "throttled", "0 of 1000", "80.5 ± 0.2 °C", "n/a"]


def test_while_steps_are_made_nothing_is_called_confirmed(database: Database) -> None:
    farm = plant(database, **wish())
    empty = only(database, farm.study_id)
    assert (empty.held_per_s, empty.ended, empty.steps[0].state) == (None, None, RunState.QUEUED)
    assert pace_text.headline(empty).endswith("no rate is known to be held")
    step(database, farm.study_id, lambda run: 3.0)
    found = only(database, farm.study_id)
    assert (found.held_per_s, found.is_confirmed, found.ended) == (1.0, False, None)
    assert (found.not_held_per_s, found.why_not) == (10.0, "an inference takes longer than its period")
    assert "  not confirmed by a long step yet" in list(pace_text.search_lines(found))


def test_a_slow_rate_gets_the_time_that_its_deadlines_need(database: Database) -> None:
    farm = plant(database, **wish(Search(start_per_s=0.25)))
    (first,) = only(database, farm.study_id).steps
    assert first.length_s == pytest.approx(300 / 0.25)


def test_steps_are_left_out_of_rankings_with_their_reason(database: Database) -> None:
    farm = plant(database, **wish())
    steps(database, farm.study_id, lambda run: 3.0)
    board = leaderboard(database)
    assert board.rows == ()
    assert {each.code for each in board.excluded} == {"pace-step"}
    reason = board.excluded[0].reason
    assert reason.startswith("a step of 1/s in a search for the highest rate")
    assert reason.endswith(f"pifarm study show {farm.study_id}")
    assert [study.study for study in list_studies(database)] == [farm.study_id]


def test_another_study_has_no_searches_and_an_unknown_one_is_refused(database: Database) -> None:
    farm = plant(database)
    assert read_searches(database, farm.study_id) == ()
    with pytest.raises(NotFoundError, match="study: 99 is unknown"):
        read_searches(database, 99)
