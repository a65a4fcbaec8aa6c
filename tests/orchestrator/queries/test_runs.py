"""Runs through the read door: views, neighbours, ids cut short, raw series."""

import numpy as np
import pytest

from orchestrator.attending.lifecycle import AttemptState, RunState, Verdict
from orchestrator.db.session import Database
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.runs import get_run, list_runs, run_series
from tests import factories
from tests.orchestrator.queries.conftest import CountStatements


def test_a_run_says_what_it_is_and_how_it_went(database: Database) -> None:
    example = factories.fill(database)
    run_id = factories.run_ids(database, example.study, label="int8", device="pi5-1")[0]
    run = get_run(database, run_id)
    assert (run.run, run.study, run.model, run.variant) == (run_id, example.study, "yolov9-c", "int8@onnxruntime,t4")
    assert (run.device, run.board_type, run.simulated, run.protocol, run.regime) == (
        "pi5-1",
        "pi5",
        False,
        "standard",
        "burst",
    )
    assert (run.state, run.verdict, run.block, run.position) == (RunState.DONE, Verdict.VALID, 0, 1)
    assert run.median_ms == pytest.approx(70, rel=0.05)
    (attempt,) = run.attempts
    assert (attempt.counted, attempt.state, attempt.absent) == (True, AttemptState.ENDED, ("power_w", "fan_rpm"))
    assert (attempt.environment["governor"], attempt.sources["temperature_c"]) == ("performance", "thermal_zone0")
    assert attempt.phases["warm_up"] == 10.0
    assert attempt.gate["start_c"] == 52.5


def test_the_beginning_of_an_id_is_enough_while_it_is_clear(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database, blocks=1)
    for old, new in zip(factories.run_ids(database, study), ("abc000000001", "abd000000001"), strict=True):
        factories.change_run(database, old, id=new)
    assert get_run(database, "abc").run == "abc000000001"
    with pytest.raises(SpecError, match="may mean abc000000001, abd000000001"):
        get_run(database, "ab")


@pytest.mark.parametrize("text", ["zzz", "%", "_", ""])
def test_an_unknown_run_lists_some_that_there_are(database: Database, text: str) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database, blocks=1)
    with pytest.raises((NotFoundError, SpecError), match=factories.run_ids(database, study)[0]):
        get_run(database, text)


def test_a_studys_runs_come_in_their_order_and_know_their_neighbours(database: Database) -> None:
    example = factories.fill(database)
    runs = list_runs(database, study=example.study, device="pi5-1")
    assert [(run.block, run.position) for run in runs] == [
        (block, position) for block in range(3) for position in (0, 1)
    ]
    for first, second in zip(runs[::2], runs[1::2], strict=True):
        assert (first.previous, first.next) == (None, second.run)
        assert (second.previous, second.next) == (first.run, None)


def test_without_a_study_the_newest_run_comes_first_and_those_that_wait_last(database: Database) -> None:
    factories.fill(database)
    factories.add_study(database, blocks=1)
    runs = list_runs(database)
    started = [run.started_at_s for run in runs if run.started_at_s is not None]
    assert started == sorted(started, reverse=True)
    assert [run.state for run in runs[-2:]] == [RunState.QUEUED] * 2
    assert len(list_runs(database, limit=3)) == 3


@pytest.mark.parametrize("options", [{"study": 99}, {"device": "pi9"}])
def test_runs_of_what_is_unknown_are_an_error(database: Database, options: dict[str, object]) -> None:
    with pytest.raises(NotFoundError, match="unknown"):
        list_runs(database, **options)  # type: ignore[arg-type]  # parametrised names


def test_a_list_of_runs_takes_as_many_statements_however_long(database: Database, statements: CountStatements) -> None:
    factories.fill(database)
    with statements(database) as few:
        list_runs(database, limit=1)
    with statements(database) as many:
        list_runs(database)
    assert len(few) == len(many) <= 5


def test_a_series_has_warm_up_and_window_on_one_axis_with_telemetry(database: Database) -> None:
    example = factories.fill(database)
    run_id = factories.run_ids(database, example.study)[0]
    series, run = run_series(database, run_id), get_run(database, run_id)
    assert (len(series.start_s), series.is_counted.sum(), run.samples) == (43, 40, 40)
    assert np.median(series.latency_ms[series.is_counted]) == pytest.approx(run.median_ms)
    assert np.all(np.diff(series.start_s) > 0)
    assert series.start_s[0] == 10.0
    assert series.telemetry["at_s"][0] == 0.0
    assert set(series.telemetry["throttled"]) == {0.0}
    assert np.isnan(series.telemetry["power_w"]).all()


def test_a_run_that_has_not_begun_has_an_empty_series(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database, blocks=1)
    series = run_series(database, factories.run_ids(database, study)[0])
    assert (len(series.start_s), len(series.telemetry["at_s"])) == (0, 0)


def test_a_run_without_a_counted_attempt_shows_its_last_one(database: Database) -> None:
    example = factories.fill(database)
    run_id = factories.run_ids(database, example.study)[0]
    factories.change_run(database, run_id, counted_attempt=None, verdict=Verdict.INVALID)
    assert len(run_series(database, run_id).start_s) == 43
    assert not get_run(database, run_id).attempts[0].counted
