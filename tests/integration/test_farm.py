"""From submit to a ranked leaderboard on a running farm, and what must not change a result."""

import itertools
from collections.abc import Iterator

import pytest

from orchestrator import fleet, queue, studies
from orchestrator.lifecycle import AttemptState, DeviceState
from orchestrator.queries.farm import get_device
from orchestrator.queries.runs import list_runs, run_series
from tests.integration.living_farm import LONG, Inference, LivingFarm, Pair, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5, PI4 = "pi5-active-cooler", "pi4-heatsink"
SCRIPTED = Inference.SCRIPTED


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Pair.EMBEDDED, id="embedded"),
        pytest.param(Pair.SERVERS, id="servers", marks=pytest.mark.postgres),
    ],
)
def farm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    with living_farm(tmp_path_factory.mktemp("farm"), [PI5, PI4], services=request.param) as running:
        yield running


def test_a_run_keeps_every_sample_and_its_telemetry(farm: LivingFarm) -> None:
    study = farm.submit("onnx", device=PI5)
    farm.wait_for_end(study)
    (run,) = list_runs(farm.farm.database, study=study)
    series = run_series(farm.farm.database, run.run)
    assert series.is_counted.sum() == run.samples
    assert run.samples is not None and run.samples >= 30
    assert not series.is_counted[0], "the warm-up is kept, and not counted"
    assert (series.telemetry["temperature_c"] > 20).any()


def test_two_boards_of_one_host_never_measure_at_once(farm: LivingFarm) -> None:
    study = farm.submit("onnx", "ort")
    farm.wait_for_end(study)
    spans = sorted(
        (attempt.opened_at_s, attempt.closed_at_s or 0.0)
        for run in list_runs(farm.farm.database, study=study)
        for attempt in run.attempts
    )
    assert len(spans) == 4
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))


def test_a_killed_worker_costs_no_result_and_makes_none_twice(farm: LivingFarm) -> None:
    study = farm.submit("onnx", overrides=LONG, device=PI5, inference=SCRIPTED)
    farm.wait_until_quiet(study)
    farm.part("worker").kill()
    assert farm.wait_for_end(study) == {"done": 1}
    assert farm.attempts_of(study) == [AttemptState.ENDED]
    assert farm.results_of(study) == 1


def test_a_connection_cut_in_the_window_costs_no_result_and_makes_none_twice(farm: LivingFarm) -> None:
    study = farm.submit("onnx", overrides=LONG, device=PI5, inference=SCRIPTED)
    farm.wait_until_quiet(study)
    (board,) = (board for board in farm.boards if board.name == PI5)
    board.refuse_connections()
    board.cut_connections()
    wait_until(lambda: "refused" in get_device(farm.farm.database, PI5).state_reason, "the board is out of reach")
    board.accept_connections()
    assert farm.wait_for_end(study) == {"done": 1}
    assert farm.attempts_of(study) == [AttemptState.ENDED]


def test_a_message_delivered_many_times_at_once_measures_once(farm: LivingFarm) -> None:
    study = farm.submit("onnx", device=PI4, inference=SCRIPTED)
    device_id = 2
    queue.wake(queue.make_app(farm.farm.settings), [device_id] * 20)
    assert farm.wait_for_end(study) == {"done": 1}
    assert farm.attempts_of(study) == [AttemptState.ENDED]


def test_a_cancelled_study_ends_at_once_and_its_board_is_free_again(farm: LivingFarm) -> None:
    study = farm.submit("onnx", overrides=LONG, device=PI5, inference=SCRIPTED)
    farm.wait_until_quiet(study)
    assert studies.cancel(farm.farm.database, study) == 1
    assert farm.wait_for_end(study) == {"cancelled": 1}
    after = farm.submit("int8", device=PI5, inference=SCRIPTED)
    assert farm.wait_for_end(after) == {"done": 1}
    assert farm.attempts_of(study) == [AttemptState.ABANDONED]


def test_a_drained_device_keeps_its_queue(farm: LivingFarm) -> None:
    fleet.drain(farm.farm.database, PI4, "for the test")
    study = farm.submit("onnx", inference=SCRIPTED)
    wait_until(lambda: get_device(farm.farm.database, PI5).queued == 0, "the other board has done its run")
    assert get_device(farm.farm.database, PI4).queued == 1
    fleet.resume(farm.farm.database, PI4)
    assert farm.wait_for_end(study) == {"done": 2}


def test_a_changed_host_key_stops_the_device_with_its_reason(farm: LivingFarm) -> None:
    (board,) = (board for board in farm.boards if board.name == PI4)
    board.change_host_key()
    board.cut_connections()
    study = farm.submit("onnx", device=PI4, inference=SCRIPTED)
    wait_until(lambda: get_device(farm.farm.database, PI4).state is DeviceState.SICK, "the device is stopped")
    reason = get_device(farm.farm.database, PI4).state_reason
    assert "host key" in reason
    assert board.host_key.fingerprint in reason
    assert get_device(farm.farm.database, PI4).queued == 1
    studies.cancel(farm.farm.database, study)
