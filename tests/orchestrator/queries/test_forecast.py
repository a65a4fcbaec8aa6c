"""What the farm knows of its boards goes into the forecast of the next study."""

from dataclasses import replace

import pytest

from orchestrator import studies
from orchestrator.attending.lifecycle import AttemptState, RunState, Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow, StudyDeviceRow
from orchestrator.protocols import preset
from orchestrator.queries.forecast import Forecast, forecast_study
from tests.orchestrator.queries.conftest import CountStatements
from tests.small_farm import add_device, add_model, make_submission, plant, runs_of, set_columns

STANDARD = preset("standard").protocol


def forecast(database: Database, **changes: object) -> Forecast:
    """The forecast of a study in the standard protocol."""
    submission = make_submission(**{"protocol": STANDARD, "blocks": 5, **changes})
    return forecast_study(database, submission, studies.outline(database, submission))


def measure_runs(database: Database, study_id: int, waits_s: list[float], rest_s: float, step: float = 0.02) -> None:
    """End a study's runs in order; medians of odd blocks differ."""
    with database.write() as session:
        for run, waited_s in zip(runs_of(database, study_id), waits_s, strict=True):
            row = session.get_one(RunRow, run.id)
            row.state, row.verdict, row.counted_attempt = RunState.DONE, Verdict.VALID, 1
            row.median_ns = 2e9 * (1 + step if run.block % 2 else 1.0)
            session.add(
                AttemptRow(
                    run=row,
                    number=1,
                    device_id=row.device_id,
                    state=AttemptState.ENDED,
                    started_at_s=1000.0,
                    closed_at_s=1000.0 + waited_s + rest_s,
                    gate={"waited_s": waited_s},
                )
            )
        shared = session.get_one(StudyDeviceRow, (study_id, runs_of(database, study_id)[0].device_id))
        shared.idle_c, shared.tau_s = 48.0, 200.0


def test_waits_latencies_and_scatter_of_earlier_runs_are_used(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], protocol=STANDARD, blocks=4)
    measure_runs(database, farm.study_id, [400.0, 90.0, 110.0, 100.0, 100.0, 100.0, 100.0, 100.0], rest_s=95.0)
    studies.cancel(database, farm.study_id)
    found = forecast(database)
    (board,) = found.boards
    assert (board.first_gate_s, board.gate_s, board.run_s) == (400.0, 100.0, 95.0)
    assert board.floor_s == pytest.approx(10 + 30 * 2.02, rel=0.01)
    assert board.assumed == ()
    assert (found.scatter.is_assumed, found.scatter.freedom) == (False, 6)
    assert found.scatter.cv == pytest.approx(0.0114, rel=0.02)
    assert found.done_in_s == pytest.approx(400 + 9 * 100 + 10 * 95)


def test_what_a_study_finds_depends_on_how_runs_have_scattered(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], protocol=STANDARD, blocks=4)
    before = forecast(database).finds
    measure_runs(database, farm.study_id, [400.0] + [100.0] * 7, rest_s=95.0, step=0.05)
    after, more = forecast(database).finds, forecast(database, blocks=10).finds
    assert before is not None
    assert after is not None
    assert more is not None
    assert before.reachable is not None
    assert after.reachable is not None
    assert more.reachable is not None
    assert 1.02 < before.reachable < after.reachable
    assert more.reachable < after.reachable
    assert [wanted.ratio for wanted in before.wanted] == [1.03, 1.05, 1.10]
    assert forecast(database, variants=("a",)).finds is None
    assert forecast(database, blocks=1).finds == replace(more, reachable=None)


def test_another_model_waits_alike_but_takes_its_own_time(database: Database) -> None:
    farm = plant(database, labels=["a", "b"], protocol=STANDARD, blocks=4)
    measure_runs(database, farm.study_id, [400.0] + [100.0] * 7, rest_s=95.0)
    with database.write() as session:
        session.get_one(RunRow, runs_of(database, farm.study_id)[0].id).study.model.name = "another"
    add_model(database)
    found = forecast(database)
    assert found.boards[0].gate_s == 100.0
    assert found.boards[0].run_s != 95.0
    assert found.scatter.is_assumed


def test_it_is_read_in_as_many_statements_for_many_boards(database: Database, statements: CountStatements) -> None:
    plant(database, labels=["a", "b"])
    with statements(database) as few:
        forecast(database)
    for number in range(5):
        add_device(database, f"pi-{number}")
    with statements(database) as more:
        assert len(forecast(database).boards) == 6
    assert len(few) == len(more)


def test_scripted_boards_of_one_host_do_not_wait_for_each_other(database: Database) -> None:
    for name in ("a", "b"):
        add_device(database, name, machine_key="host", simulated=True)
    add_model(database, runtimes=["scripted"])
    study = studies.submit(database, make_submission(devices=("a",)))
    found = {board.device: board for board in forecast(database).boards}
    assert found["a"].queued_s > 0
    assert found["b"].queued_s == 0
    assert found["b"].done_in_s == pytest.approx(found["b"].own_s)
    studies.cancel(database, study)


def test_how_a_board_cools_is_known_from_its_soaks_where_no_gate_has_told(database: Database) -> None:
    farm = plant(database, labels=["a"], protocol=STANDARD, blocks=2)
    assert any("time constant" in each for each in forecast(database).boards[0].assumed)
    first, last = (run.id for run in runs_of(database, farm.study_id))
    set_columns(database, RunRow, first, cooling_tau_s=500.0, verdict=Verdict.VALID, ended_at_s=1000.0)
    slow_s = forecast(database).boards[0].gate_s
    set_columns(database, RunRow, last, cooling_tau_s=120.0, verdict=Verdict.SUSPECT, ended_at_s=2000.0)
    (board,) = forecast(database).boards
    assert board.gate_s < slow_s, "the newest counts"
    assert not any("time constant" in each for each in board.assumed)
    with database.write() as session:
        session.get_one(StudyDeviceRow, (farm.study_id, farm.device_id)).tau_s = 700.0
    assert forecast(database).boards[0].gate_s > slow_s, "what a gate found counts more"
