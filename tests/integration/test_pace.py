"""A search for the highest rate on a running farm: a bare Pi 4 at a clock that runs faster, its inference scripted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import demo, protocols, studies
from orchestrator.analysis.rate_search import Search, Stop
from orchestrator.attending.lifecycle import StudyKind, StudyState
from orchestrator.attending.picking import SCRIPTED
from orchestrator.boards.bundle import build_bundle
from orchestrator.doorbell import ring
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.pace import read_searches
from orchestrator.queries.studies import get_study
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.scenario import Scenario, Step
from tests.integration.living_farm import LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
SCALE = 60.0
LATENCY_MS = 500.0
RETRIES = 4
RECORDED = Step(at_s=0.0, conditions=Conditions(room_c=25.0, has_thermometer=True))
ROOM = Scenario(time_scale=SCALE, seed=3, steps=(RECORDED,))
SEARCH = Search(within=0.25, start_per_s=1.9, deadline_s=120.0, step_s=240.0, long_s=480.0, most_steps=7)
SHORT = (
    *("gate.above_idle_c=none", "gate.foreign_cpu_max=none", "gate.max_c=70", "gate.timeout_s=600"),
    *("recorded_idle_s=100", "recorded_cooling_s=60"),
)


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["pi4-bare"], scenario=ROOM) as farm:
        yield farm


def test_a_board_is_asked_faster_and_slower_until_the_rate_that_it_holds_is_confirmed(living: LivingFarm) -> None:
    database = living.farm.database
    submission = studies.Submission(
        model=demo.MODEL_NAME,
        protocol=protocols.with_overrides(protocols.for_search(SEARCH), SHORT),
        blocks=1,
        bundle_hash=build_bundle(living.farm.settings.bundles_dir).hash,
        variants=("onnx",),
        runtimes=(SCRIPTED,),
        runtime_options={"median_ms": LATENCY_MS, "busy": 1.0},
        seed=1,
        kind=StudyKind.PACE,
        search=SEARCH,
    )
    study = studies.submit(database, submission)
    ring(living.farm)

    def is_over() -> bool:
        return get_study(database, study).state is not StudyState.ACTIVE

    for _ in range(RETRIES):  # a host that stalls for a moment leaves a long gap at this scale: an operator tries again
        wait_until(is_over, "the search ends", patience_s=300.0)
        if read_searches(database, study)[0].ended != Stop.BROKEN.value:
            break
        studies.retry(database, study)
        ring(living.farm)

    (found,) = read_searches(database, study)
    steps = [(each.rate_per_s, each.answer, each.is_long, each.max_c, each.unsure) for each in found.steps]
    assert found.simulated and found.ended is not None
    assert {each.state.value for each in found.steps} == {"done"}
    assert found.held_per_s is not None and found.not_held_per_s is not None, steps
    assert found.held_per_s < found.not_held_per_s
    assert found.is_confirmed, steps
    too_fast = [each for each in found.steps if each.answer in ("throttled", "settles above the limit")]
    assert too_fast, steps
    assert all(each.rate_per_s > found.held_per_s for each in too_fast)
    assert all(each.room_c == pytest.approx(25.0, abs=0.5) for each in found.steps)
    assert leaderboard(database).rows == ()
