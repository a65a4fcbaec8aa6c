"""A running farm on either pair of services, and what must not change a result."""

from collections.abc import Iterator

import pytest

from orchestrator import queue, studies
from orchestrator.attending.lifecycle import AttemptState, DeviceState
from orchestrator.boards import fleet
from orchestrator.queries.farm import get_device
from tests.integration.living_farm import LONG, PAIRS, Inference, LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5, PI4 = "pi5-active-cooler", "pi4-heatsink"
SCRIPTED = Inference.SCRIPTED


@pytest.fixture(scope="module", params=PAIRS)
def farm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    with living_farm(tmp_path_factory.mktemp("farm"), [PI5, PI4], services=request.param) as running:
        yield running


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
