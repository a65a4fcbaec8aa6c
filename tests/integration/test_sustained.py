"""A sustained run on a running farm: seen while it lasts, cooled afterwards, ranked by its end and by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wire.spec import Regime
from orchestrator.attending.lifecycle import StudyState
from orchestrator.figures import write_figures
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import list_runs, run_series
from orchestrator.queries.studies import get_study
from tests.integration.living_farm import Inference, LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
SHORT = (
    *("gate.above_idle_c=none", "gate.foreign_cpu_max=none", "window.min_s=4", "window.max_s=8"),
    *("recorded_idle_s=0.5", "recorded_cooling_s=1", "report_every_s=0.5", "telemetry_period_s=0.1"),
)


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["pi5-active-cooler"]) as farm:
        yield farm


def test_a_sustained_run_is_seen_while_it_lasts_and_ranked_by_itself(living: LivingFarm, tmp_path: Path) -> None:
    database = living.farm.database
    study = living.submit("onnx", overrides=SHORT, inference=Inference.SCRIPTED, protocol="sustained")
    (run,) = list_runs(database, study=study)

    wait_until(lambda: len(run_series(database, run.run).start_s) > 0, "inferences are seen while the run lasts")
    assert get_study(database, study).state is StudyState.ACTIVE

    assert living.wait_for_end(study) == {"done": 1}
    series = run_series(database, run.run)
    phases = list_runs(database, study=study)[0].attempts[0].phases
    assert {"idle", "window", "cooling"} <= set(phases)
    after_s = series.telemetry["at_s"][series.telemetry["at_s"] > series.start_s[-1]]
    assert after_s[-1] - after_s[0] > 0.8, "cooling is recorded: 1 s less a period at either end"
    (row,) = leaderboard(database, regime=Regime.SUSTAINED).rows
    assert (row.regime, row.runs) == ("sustained", 1)
    assert leaderboard(database, regime=Regime.BURST).rows == ()

    drawn = write_figures(database, study, tmp_path / "figures", ("svg",))
    assert {"ranking-1", "timeline", "rise", "latency-temperature", "clock-residency", "onset-survival"} <= set(drawn)
