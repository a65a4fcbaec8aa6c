"""All runs of a study start at one temperature, until the room makes that one unreachable: on a running farm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import demo, protocols, studies
from orchestrator.attending.baseline import MAX_TIMEOUTS
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.attending.picking import SCRIPTED
from orchestrator.boards.bundle import build_bundle
from orchestrator.doorbell import ring
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import list_runs
from orchestrator.queries.studies import get_study
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.scenario import Scenario
from tests.integration.living_farm import LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
ROOM = Scenario(time_scale=60.0, seed=3, room_c=25.0)
WARM_ROOM_C = 50.0
QUICK = (
    *("gate.idle_s=60", "gate.hold_s=20", "gate.foreign_cpu_max=none", "gate.timeout_s=300"),
    *("warm_up.min_inferences=2", "warm_up.min_s=2", "warm_up.steady_within=none"),
    *("window.min_s=10", "window.segments=1"),
)


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["zero2w"], scenario=ROOM) as farm:
        yield farm


def in_time(living: LivingFarm, study: int) -> list[RunView]:
    """The runs that are done, in the order in which they were measured."""
    done = [run for run in list_runs(living.farm.database, study=study) if run.state is RunState.DONE]
    return sorted(done, key=lambda run: run.started_at_s or 0.0)


def test_runs_start_alike_and_after_three_vain_waits_alike_at_another_temperature(living: LivingFarm) -> None:
    database = living.farm.database
    submission = studies.Submission(
        model=demo.MODEL_NAME,
        protocol=protocols.with_overrides(protocols.preset("standard").protocol, QUICK),
        blocks=4,
        bundle_hash=build_bundle(living.farm.settings.bundles_dir).hash,
        variants=("onnx", "int8"),
        runtimes=(SCRIPTED,),
        runtime_options={"median_ms": 500.0, "busy": 0.2},
        seed=1,
    )
    study = studies.submit(database, submission)
    ring(living.farm)
    wait_until(lambda: len(in_time(living, study)) >= 2, "two runs are done", patience_s=120.0)
    living.boards[0].put_under(Conditions(room_c=WARM_ROOM_C))
    wait_until(lambda: get_study(database, study).state is not StudyState.ACTIVE, "the study ends", patience_s=300.0)

    runs = in_time(living, study)
    groups = [run.start_group for run in runs]
    assert groups == sorted(groups) and set(groups) == {0, 1}, groups
    first, second = ([run for run in runs if run.start_group == group] for group in (0, 1))
    alike = [run for run in first if abs(started_c(run) - started_c(first[0])) < 3.0]
    vain = [run for run in first if run not in alike]
    assert len(alike) >= 2
    assert 1 <= len(vain) <= MAX_TIMEOUTS, "one that was invalid is measured again, in the new group"
    assert all(started_c(run) > started_c(first[0]) + 10.0 for run in vain), "they waited for what the room forbids"
    assert len(second) >= 2 and max(map(started_c, second)) - min(map(started_c, second)) < 3.0
    assert started_c(second[0]) > started_c(first[0]) + 15.0


def started_c(run: RunView) -> float:
    """The die when the run began."""
    assert run.start_c is not None
    return run.start_c
