"""The health of a real worker and a real tick: well while they work, not well when they only exist."""

import os
import signal
from collections.abc import Iterator

import pytest

from orchestrator.health import STALE_S, Part, look_at
from orchestrator.heartbeat import Heartbeat
from tests.integration.living_farm import LivingFarm, living_farm, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    """A farm without boards: its worker has the ticks to do, and nothing else."""
    with living_farm(tmp_path_factory.mktemp("farm"), []) as living:
        yield living


def is_well(living: LivingFarm, part: Part) -> bool:
    return look_at(part, living.farm.settings).is_well


def age(living: LivingFarm, part: Part) -> None:
    """Let the last sign of life of a part be an old one."""
    file = Heartbeat.of(living.farm.settings.heartbeats_dir, part.value).file
    then_s = file.stat().st_mtime - 2 * STALE_S
    os.utime(file, (then_s, then_s))


@pytest.mark.parametrize("part", [Part.WORKER, Part.TICK])
def test_a_part_that_hangs_is_not_well_until_it_goes_on(living: LivingFarm, part: Part) -> None:
    wait_until(lambda: is_well(living, part), f"{part.value} is well")
    process = living.part(part.value)
    process.send_signal(signal.SIGSTOP)
    try:
        age(living, part)
        assert not is_well(living, part)
    finally:
        process.send_signal(signal.SIGCONT)
    wait_until(lambda: is_well(living, part), f"{part.value} is well again")


def test_an_idle_worker_without_a_tick_is_well(living: LivingFarm) -> None:
    wait_until(lambda: is_well(living, Part.WORKER), "worker is well")
    tick = living.part("tick")
    tick.send_signal(signal.SIGSTOP)
    try:
        age(living, Part.WORKER)
        assert is_well(living, Part.WORKER)
    finally:
        tick.send_signal(signal.SIGCONT)
