"""A device that has changed is found by its canaries, kept from work, and works again once somebody says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards import fleet
from orchestrator.canary.planting import plant
from orchestrator.queries.canary import CanaryChart, list_charts
from orchestrator.queries.farm import get_device
from orchestrator.simulator.conditions import Conditions
from tests.integration.living_farm import LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    """A farm with one board, which looks at its health."""
    with living_farm(tmp_path, ["pi5-active-cooler"], canary_every_s=3600.0) as farm:
        yield farm


def chart(living: LivingFarm) -> CanaryChart:
    return list_charts(living.farm.database)[0]


def test_a_board_is_looked_at_when_it_is_new_and_does_not_work_while_its_clock_is_capped(living: LivingFarm) -> None:
    database, board = living.farm.database, living.boards[0]
    wait_until(lambda: len(chart(living).points) == 1, "the new board has its canary, before anybody submits anything")

    board.put_under(Conditions(cap_hz=1.0e9))
    plant(living.farm, [board.name])
    study = living.submit("onnx")
    wait_until(lambda: get_device(database, board.name).state is DeviceState.SICK, "the board is taken out of service")
    assert "clock-low" in get_device(database, board.name).state_reason
    assert living.results_of(study) == 0, "nothing was measured on it meanwhile"

    board.put_under(Conditions())
    fleet.resume(database, board.name)
    assert living.wait_for_end(study) == {"done": 1}
    assert get_device(database, board.name).state is DeviceState.READY
