"""Real inference on a running farm: what a run keeps, and that a machine infers for one board at a time."""

import itertools
from collections.abc import Iterator

import pytest

from orchestrator.queries.runs import list_runs, run_series
from tests.integration.living_farm import PAIRS, LivingFarm, living_farm

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5, PI4 = "pi5-active-cooler", "pi4-heatsink"


@pytest.fixture(scope="module", params=PAIRS)
def farm(
    this_machine: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LivingFarm]:
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
    assert len(spans) >= 4, "a result that the load of others has spoilt is measured again"
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))
