"""Sweeps on a running farm: one that infers for real, and one up to throttling at a clock that runs faster."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.wire.ramp import Ramp, Reach
from orchestrator import demo, protocols, studies
from orchestrator.analysis.thermal.sweep import Slots, Sweep
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.boards.bundle import build_bundle
from orchestrator.doorbell import ring
from orchestrator.queries.account import account_for, read_facts
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import list_runs, run_series
from orchestrator.queries.studies import get_study
from orchestrator.queries.sweep import sweep_slots
from orchestrator.simulator.fan import FAN_FULL_RPM
from orchestrator.simulator.scenario import Scenario
from tests.integration.living_farm import Inference, LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
SCALE = 20.0
LATENCY_MS = 200.0
WARM_ROOM = Scenario(time_scale=SCALE, room_c=30.0, seed=3)
TOO_HOT = Ramp(low_c=62.0, high_c=95.0, rate_c_per_min=15.0, levels_c=(70.0, 81.0, 90.0), hold_s=40.0, limit_c=84.0)
FAN_FORBIDS = Ramp(low_c=52.0, high_c=78.0, rate_c_per_min=20.0)
SMALL = Ramp(low_c=57.0, high_c=60.0, rate_c_per_min=60.0, every_s=1.0)


@pytest.fixture
def scaled(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["pi4-bare"], scenario=WARM_ROOM) as farm:
        yield farm


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["pi4-bare"]) as farm:
        yield farm


@pytest.fixture
def cooled(tmp_path: Path) -> Iterator[LivingFarm]:
    with living_farm(tmp_path, ["pi5-active-cooler"], scenario=Scenario(time_scale=SCALE, room_c=25.0, seed=3)) as farm:
        yield farm


def swept(living: LivingFarm, ramp: Ramp, inference: Inference, *overrides: str) -> tuple[Sweep, Slots]:
    """A sweep of the demo's model on the farm's board: its account and its slots; it is never ranked."""
    database, is_scripted = living.farm.database, inference is Inference.SCRIPTED
    study = studies.submit(
        database,
        studies.Submission(
            model=demo.MODEL_NAME,
            protocol=protocols.with_overrides(protocols.sweeping(ramp), ["gate.foreign_cpu_max=none", *overrides]),
            blocks=1,
            bundle_hash=build_bundle(living.farm.settings.bundles_dir).hash,
            variants=("onnx",),
            runtimes=(inference.value,),
            runtime_options={"median_ms": LATENCY_MS, "busy": 1.0} if is_scripted else {},
            seed=1,
        ),
    )
    ring(living.farm)

    def is_over() -> bool:
        return get_study(database, study).state is not StudyState.ACTIVE

    wait_until(is_over, "the sweep ends", patience_s=600.0)
    (run,) = list_runs(database, study=study)
    assert run.state is RunState.DONE, run
    board = leaderboard(database)
    assert board.rows == () and [each.code for each in board.excluded] == ["sweep"]
    account, facts = account_for(database, run.run), read_facts(database, run.run)
    assert account.sweep is not None and facts is not None
    slots = sweep_slots(facts)
    assert slots is not None
    return account.sweep, slots


def test_a_board_is_heated_between_slots_of_real_inference(living: LivingFarm) -> None:
    found, slots = swept(living, SMALL, Inference.REAL, "window.min_s=5", "window.max_s=30")
    assert found.swept.high in (Reach.REACHED, Reach.TIME), "a busy host gives a simulated board little heat"
    assert found.swept.low is Reach.REACHED and found.swept.high_c > found.swept.low_c + 0.5
    assert slots.is_up.sum() >= 4
    assert 0 < found.swept.stand_ns < 1e9
    assert found.swept.limited == 0


def test_a_target_out_of_reach_is_named_and_latency_rises_only_where_the_board_throttles(scaled: LivingFarm) -> None:
    found, slots = swept(scaled, TOO_HOT, Inference.SCRIPTED)
    came = found.swept
    assert came.low is Reach.REACHED and came.high in (Reach.STALLED, Reach.LIMIT)
    assert 80.5 < came.high_c < TOO_HOT.limit_c
    assert scaled.boards[0].junction_c < TOO_HOT.limit_c
    reached, throttled, missed = found.levels
    assert reached.held_s >= 40.0 and throttled.held_s >= 40.0
    assert reached.slots > 2 and reached.die_c == pytest.approx(70.0, abs=1.0)
    assert (missed.held_s, missed.why) == (0.0, f"{came.high.value}: the hottest was {came.high_c:.1f} C")

    cool, warm, hot = (undisturbed(slots, *between_c) for between_c in ((60.0, 70.0), (70.0, 78.5), (81.0, 90.0)))
    assert warm == pytest.approx(cool, rel=0.03)
    assert hot > 1.05 * warm


def test_a_fan_is_off_to_heat_and_full_to_cool_and_then_as_it_was(cooled: LivingFarm) -> None:
    found, _ = swept(cooled, FAN_FORBIDS, Inference.SCRIPTED)
    assert (found.swept.low, found.swept.high) == (Reach.REACHED, Reach.REACHED)
    (run,) = list_runs(cooled.farm.database)
    facts = run.attempts[0].environment
    assert facts["fan_steering"] == "hwmon2/pwm1, by sysfs"
    series = run_series(cooled.farm.database, run.run)
    rpm = np.array(series.telemetry["fan_rpm"], dtype=float)
    at_s = np.array(series.telemetry["at_s"], dtype=float)
    up_s, down_s = (at_ns / 1e9 for at_ns in (found.swept.up_from_ns, found.swept.down_from_ns) if at_ns is not None)
    heating, cooling = rpm[(at_s > up_s + 5) & (at_s < down_s - 5)], rpm[at_s > down_s + 5]
    assert np.nanmedian(heating) == 0.0 and np.nanmedian(cooling) == FAN_FULL_RPM
    assert (cooled.boards[0].home / "board/sys/class/hwmon/hwmon2/pwm1").read_text().strip() in {"0", "75"}


def undisturbed(slots: Slots, from_c: float, to_c: float) -> float:
    """Latency between two temperatures of the slots that the host least held up: a sleep can only end too late."""
    chosen = slots.latency_s[(slots.die_c >= from_c) & (slots.die_c < to_c)]
    assert len(chosen) >= 4
    return float(np.quantile(chosen, 0.2))
