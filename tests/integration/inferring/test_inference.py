"""Real inference on a running farm: what a run keeps, and that a machine infers for one board at a time."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import protocols, studies
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.boards.bundle import build_bundle
from orchestrator.catalog import NewBuild, add_model
from orchestrator.datasets.catalog import add_dataset
from orchestrator.datasets.task_file import read_task
from orchestrator.demo import detection
from orchestrator.demo.detection.dataset import write_dataset
from orchestrator.doorbell import ring
from orchestrator.evaluation_plan import plan_evaluation
from orchestrator.queries.runs import list_runs, run_series
from orchestrator.queries.scores import study_scores
from tests.integration.living_farm import PAIRS, LivingFarm, living_farm
from training.score import score_files

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5, PI4 = "pi5-active-cooler", "pi4-heatsink"


@pytest.fixture(scope="module", params=PAIRS)
def farm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    with living_farm(tmp_path_factory.mktemp("farm"), [PI5, PI4], services=request.param) as running:
        yield running


def test_a_run_keeps_every_sample_and_its_telemetry(farm: LivingFarm) -> None:
    study = farm.submit("onnx", device=PI5)
    farm.wait_for_end(study)
    (run,) = list_runs(farm.farm.database, study=study)
    series = run_series(farm.farm.database, run.run)
    assert run.samples is not None
    assert 30 <= run.samples <= series.is_counted.sum(), "all of the window, but for a head that was not yet steady"
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


def test_a_board_finds_in_a_data_set_what_the_network_finds_here(farm: LivingFarm, tmp_path: Path) -> None:
    scenes, path = 24, detection.FILES / "big.onnx"
    (tmp_path / "scenes").mkdir()
    write_dataset(tmp_path / "scenes", scenes)
    add_dataset(farm.farm, "digits", tmp_path / "scenes")
    builds = [NewBuild(path=path, label="onnx")]
    add_model(farm.farm, detection.MODEL_NAME, builds, task=read_task(detection.TASK_FILE))
    study = studies.submit(
        farm.farm.database,
        studies.Submission(
            model=detection.MODEL_NAME,
            protocol=protocols.answering(scenes),
            blocks=1,
            bundle_hash=build_bundle(farm.farm.settings.bundles_dir).hash,
            devices=(PI5,),
            kind=StudyKind.ACCURACY,
            evaluation=plan_evaluation(farm.farm, detection.MODEL_NAME, "digits", scenes, seed=0),
        ),
    )
    ring(farm.farm)
    assert farm.wait_for_end(study) == {"done": 1}
    (found,) = study_scores(farm.farm.database, study)
    (here,) = score_files([path], scenes)
    assert (found.examples, found.objects) == (here.images, here.objects)
    for name, value in {"mAP50": here.map50, "mAP50-95": here.map50_95}.items():
        assert found.metrics[name]["value"] == pytest.approx(value, abs=1e-4), "answers come in single precision"
