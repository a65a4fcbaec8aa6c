"""A run that heat sends back to its gate, on a running farm: one result of one attempt, and no visit at a bad time."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from agent.wire.codec import decode
from agent.wire.records import Ended, StoppedBy
from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.tables import AttemptRow, RunRow
from orchestrator.queries.account import WindowEnd, account_for
from orchestrator.queries.runs import list_runs, run_series
from tests.integration.living_farm import Inference, LivingFarm, living_farm
from tests.small_farm import set_columns

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PI5 = "pi5-active-cooler"
SOON_HOT = ("warm_up.min_s=0.2", "window.onset_s=0.4", "window.segments=4", "telemetry_period_s=0.05")
SOON_TOLD = tuple(setting for setting in SOON_HOT if "onset" not in setting)
SHORT_SOAK = (
    *("gate.above_idle_c=none", "gate.foreign_cpu_max=none", "window.min_s=2", "window.max_s=4"),
    *("recorded_idle_s=0.5", "recorded_cooling_s=0.5", "report_every_s=0.5", "telemetry_period_s=0.1"),
)
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


def test_an_onset_that_a_soak_saw_ends_the_next_burst_on_the_same_board(farm: LivingFarm) -> None:
    database = farm.farm.database
    soak = farm.submit("onnx", overrides=SHORT_SOAK, inference=Inference.SCRIPTED, protocol="sustained")
    assert farm.wait_for_end(soak) == {"done": 1}
    (soaked,) = list_runs(database, study=soak)
    assert soaked.start_c is not None and soaked.known_until_s is not None
    set_columns(database, RunRow, soaked.run, onset_s=0.4, onset_cause="thermal", verdict=Verdict.VALID)

    near = ("gate.max_c=none", f"gate.start_c={soaked.start_c:.1f}", "gate.band_c=30")
    burst = farm.submit("onnx", overrides=(*near, *SOON_TOLD), inference=Inference.SCRIPTED)
    assert farm.wait_for_end(burst) == {"done": 1}
    (run,) = list_runs(database, study=burst)
    assert run.attempts[0].known_onset_s == 0.4
    assert account_for(database, run.run).window_end == WindowEnd(stopped_by="heat", onset_s=0.4)
