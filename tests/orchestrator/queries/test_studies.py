"""Studies through the read door: how far they are and when they may be done."""

import pytest
from sqlalchemy import select

from orchestrator.analysis.forecast import expected_run_s
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, StudyDeviceRow
from orchestrator.errors import NotFoundError
from orchestrator.protocols import preset
from orchestrator.queries.studies import get_study, list_studies
from tests import factories
from tests.factories import RUNTIME
from tests.orchestrator.queries.conftest import CountStatements


@pytest.fixture
def farm(database: Database) -> Database:
    """Two boards with a machine of their own each and a model of two builds."""
    factories.add_device(database, "pi5-1")
    factories.add_device(database, "pi5-2")
    factories.add_model(database)
    return database


def test_a_finished_study_says_what_it_was(database: Database) -> None:
    example = factories.fill(database)
    study = get_study(database, example.study)
    assert (study.model, study.protocol, study.regime, study.blocks) == ("yolov9-c", "standard", "burst", 3)
    assert (study.devices, study.variants, study.simulated) == (example.devices, example.variants, True)
    assert (study.state, study.counts["done"], study.total, study.eta_s) == (StudyState.DONE, 12, 12, None)


def test_every_state_is_counted_also_at_zero(farm: Database) -> None:
    study = factories.add_study(farm, blocks=2)
    factories.change_run(farm, factories.run_ids(farm, study)[0], state=RunState.FAILED)
    assert get_study(farm, study).counts == {
        "queued": 3,
        "staging": 0,
        "running": 0,
        "done": 0,
        "failed": 1,
        "cancelled": 0,
    }


def test_before_the_first_run_the_estimate_is_that_of_the_forecast(farm: Database) -> None:
    study = factories.add_study(farm, devices=("pi5-1", "pi5-2"), blocks=2)
    assert get_study(farm, study).eta_s == pytest.approx(4 * expected_run_s(preset("standard").protocol))


def test_then_what_runs_have_taken_is_and_the_busiest_machine_counts(farm: Database) -> None:
    study = factories.add_study(farm, devices=("pi5-1", "pi5-2"), blocks=2)
    factories.measure(farm, study, {"fp32": 100.0})
    assert get_study(farm, study).eta_s == pytest.approx(2 * factories.RUN_S)
    for run in factories.run_ids(farm, study, device="pi5-2", label="int8"):
        factories.change_run(farm, run, state=RunState.FAILED)
    assert get_study(farm, study).eta_s == pytest.approx(2 * factories.RUN_S)


def test_simulated_boards_wait_for_their_host(database: Database) -> None:
    factories.add_model(database)
    for name in ("sim-1", "sim-2"):
        factories.add_device(database, name, simulated=True)
    study = factories.add_study(database, devices=("sim-1", "sim-2"), blocks=1)
    factories.measure(database, study, {"fp32": 100.0})
    assert get_study(database, study).eta_s == pytest.approx(2 * factories.RUN_S)


def test_the_newest_studies_come_first_in_as_many_statements_however_many(
    farm: Database, statements: CountStatements
) -> None:
    first = factories.add_study(farm, blocks=1)
    with statements(farm) as few:
        assert [study.study for study in list_studies(farm)] == [first]
    second = factories.add_study(farm, blocks=1, labels=("int8",))
    with statements(farm) as more:
        studies = list_studies(farm)
    assert [(study.study, study.variants) for study in studies] == [
        (second, ("int8@onnxruntime,t4",)),
        (first, ("fp32@onnxruntime,t4", "int8@onnxruntime,t4")),
    ]
    assert len(few) == len(more)
    assert [study.study for study in list_studies(farm, limit=1)] == [second]


def test_an_unknown_study_lists_what_there_is(farm: Database) -> None:
    with pytest.raises(NotFoundError, match="study: 7 is unknown; there are none"):
        get_study(farm, 7)


@pytest.mark.parametrize(
    ("runtime", "left_s"),
    [
        (RUNTIME, {"sim-1": 5 * 10.0 + 5 * 50.0, "sim-2": 5 * 10.0 + 5 * 50.0, "pi5-1": 5 * 30.0}),
        ("scripted", {"sim-1": 5 * 10.0, "sim-2": 5 * 50.0, "pi5-1": 5 * 30.0}),
    ],
)
def test_boards_that_share_a_machine_add_up_each_with_its_own_pace_and_scripted_ones_do_not(
    database: Database, runtime: str, left_s: dict[str, float]
) -> None:
    for name in ("sim-1", "sim-2"):
        factories.add_device(database, name, simulated=True)
    factories.add_device(database, "pi5-1")
    factories.add_model(database)
    study = factories.add_study(database, devices=("sim-1", "sim-2", "pi5-1"), blocks=3, runtime=runtime)
    for device, took_s in (("sim-1", 10.0), ("sim-2", 50.0), ("pi5-1", 30.0)):
        first = factories.run_ids(database, study, device=device)[0]
        factories.change_run(database, first, state=RunState.DONE, started_at_s=1000.0, ended_at_s=1000.0 + took_s)
    assert get_study(database, study).left_s == pytest.approx(left_s)
    assert get_study(database, study).eta_s == pytest.approx(max(left_s.values()))


def test_a_variant_takes_what_it_took_on_the_same_machine_before_it_takes_what_others_did(database: Database) -> None:
    for name in ("sim-1", "sim-2"):
        factories.add_device(database, name, simulated=True)
    factories.add_device(database, "pi5-1")
    factories.add_model(database)
    study = factories.add_study(database, devices=("sim-1", "sim-2", "pi5-1"), blocks=2)
    for device, label, took_s in (("sim-1", "fp32", 10.0), ("sim-1", "int8", 70.0), ("pi5-1", "fp32", 30.0)):
        first = factories.run_ids(database, study, device=device, label=label)[0]
        factories.change_run(database, first, state=RunState.DONE, started_at_s=1000.0, ended_at_s=1000.0 + took_s)
    host_s = 3 * 10.0 + 3 * 70.0
    assert get_study(database, study).left_s == pytest.approx({"sim-1": host_s, "sim-2": host_s, "pi5-1": 3 * 30.0})


def test_what_has_passed_of_a_run_under_way_is_no_longer_left(farm: Database) -> None:
    study = factories.add_study(farm, blocks=1)
    expected_s = expected_run_s(preset("standard").protocol)
    with farm.read() as session:
        now = session.scalars(select(now_s())).one()
    first = factories.run_ids(farm, study)[0]
    for state, passed_s, left_s in (
        (RunState.RUNNING, 60.0, 2 * expected_s - 60.0),
        (RunState.RUNNING, 86_400.0, expected_s),
        (RunState.STAGING, 60.0, 2 * expected_s),  # since its attempt before
    ):
        factories.change_run(farm, first, state=state, started_at_s=now - passed_s)
        assert get_study(farm, study).eta_s == pytest.approx(left_s, abs=10.0)


def test_runs_of_other_studies_that_are_taken_before_count(farm: Database) -> None:
    expected_s = expected_run_s(preset("standard").protocol)
    small = factories.add_study(farm, blocks=1, labels=("fp32",))
    large = factories.add_study(farm, blocks=5, labels=("fp32",))
    assert get_study(farm, small).eta_s == pytest.approx(expected_s), "an equal one goes first by its number"
    assert get_study(farm, large).eta_s == pytest.approx(6 * expected_s)
    urgent = factories.add_study(farm, blocks=3, labels=("fp32",), priority=1)
    assert [get_study(farm, each).eta_s for each in (urgent, small, large)] == [
        pytest.approx(runs * expected_s) for runs in (3, 4, 9)
    ]


def test_blocks_are_done_when_all_their_runs_have_ended(farm: Database) -> None:
    study = factories.add_study(farm, devices=("pi5-1", "pi5-2"), blocks=2)
    for run in factories.run_ids(farm, study, device="pi5-1")[:3]:
        factories.change_run(farm, run, state=RunState.FAILED)
    assert (get_study(farm, study).blocks_done, get_study(farm, study).blocks_planned) == (1, 4)


def test_before_the_first_run_how_each_board_cools_is_part_of_the_estimate(farm: Database) -> None:
    study = factories.add_study(farm, devices=("pi5-1", "pi5-2"), blocks=1)
    with farm.write() as session:
        (slow, unknown) = session.scalars(select(DeviceRow).order_by(DeviceRow.name)).all()
        session.get_one(StudyDeviceRow, (study, slow.id)).tau_s = 700.0
    standard = preset("standard").protocol
    found = get_study(farm, study).left_s
    assert found[slow.name] == pytest.approx(2 * expected_run_s(standard, 700.0))
    assert found[unknown.name] == pytest.approx(2 * expected_run_s(standard))
