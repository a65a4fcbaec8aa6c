"""A run that heat sends back to its gate, on a running farm: one result of one attempt, and no visit at a bad time."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from agent.wire.codec import decode
from agent.wire.records import Ended, StoppedBy
from orchestrator.db.tables import AttemptRow, RunRow
from orchestrator.queries.runs import list_runs, run_series
from tests.integration.living_farm import Inference, LivingFarm, living_farm

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5 = "pi5-active-cooler"
SOON_HOT = ("warm_up.min_s=0.2", "window.onset_s=0.4", "window.segments=4", "telemetry_period_s=0.05")
FLOOR = 20


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    with living_farm(tmp_path_factory.mktemp("farm"), [PI5]) as running:
        yield running


def test_a_heat_limited_run_is_one_result_of_several_segments(farm: LivingFarm) -> None:
    study = farm.submit("onnx", overrides=SOON_HOT, inference=Inference.SCRIPTED)
    assert farm.wait_for_end(study) == {"done": 1}
    with farm.farm.database.read() as session:
        query = select(AttemptRow).join(RunRow).where(RunRow.study_id == study)
        (attempt,) = session.scalars(query)
        assert attempt.ended is not None
        ended = decode(Ended, attempt.ended)
    assert (ended.stopped_by, ended.back_to_gate, ended.contacts_ns) == (StoppedBy.HEAT, 0, ())
    (run,) = list_runs(farm.farm.database, study=study)
    series = run_series(farm.farm.database, run.run)
    gaps_s = series.start_s[1:] - series.start_s[:-1]
    assert (gaps_s > 1.0).any(), "a gate lies between two segments"
    assert FLOOR <= series.is_counted.sum() < 2 * FLOOR
