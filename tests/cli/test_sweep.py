"""`pifarm thermal sweep`: a ramp from its options, refused where it cannot be."""

import pytest

from agent.wire.ramp import Level, Reach, Swept
from orchestrator.db.session import Database
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.swept_run import add_sweep


def test_a_sweep_is_submitted_as_a_study_of_its_own_regime(pifarm: Pifarm) -> None:
    study = read_json(pifarm, "thermal", "sweep", "yolov9-c", "--variant", "fp32")
    assert (study["protocol"], study["regime"], study["blocks"]) == ("sweep", "sweep", 3)
    assert study["forecast"]["boards"][0]["floor_s"] == 2 * 35 / 3 * 60


def test_another_ramp_is_a_protocol_of_its_own_and_its_levels_take_time(pifarm: Pifarm) -> None:
    options = ("--low", "50", "--high", "70", "--rate", "2", "--levels", "55,65", "--hold", "30", "--blocks", "1")
    study = read_json(pifarm, "thermal", "sweep", "yolov9-c", *options)
    assert study["protocol"].startswith("sweep-")
    assert study["forecast"]["boards"][0]["floor_s"] == 2 * 20 / 2 * 60 + 60


def test_a_dry_run_stores_nothing(pifarm: Pifarm) -> None:
    before = pifarm.dump()
    assert read_json(pifarm, "thermal", "sweep", "yolov9-c", "--dry-run")["study"] is None
    assert pifarm.dump() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--low", "80"), "thermal sweep: high_c: expected above low_c (80), at most 120, got 80.0"),
        (("--limit", "99"), "thermal sweep: limit_c: expected above low_c (45), at most 95, got 99.0"),
        (("--levels", "50,x"), "--levels 50,x: expected degrees like 45,55,65"),
        (("--levels", "90"), "thermal sweep: levels_c: expected ascending, from low_c to high_c"),
    ],
)
def test_a_ramp_that_cannot_be_is_refused(complain: Bad, options: tuple[str, ...], message: str) -> None:
    assert message in complain("thermal", "sweep", "yolov9-c", *options)


def test_a_sweep_is_shown_with_its_reach_and_latency_by_temperature(pifarm: Pifarm, database: Database) -> None:
    level = Level(level_c=60.0, at_ns=0, why="one inference changes the die by +2.0 C, wanted less than 1 C")
    swept = Swept(
        low_c=51.0, high_c=79.0, low=Reach.STALLED, high=Reach.LIMIT, up_from_ns=0, levels=(level,), limited=2
    )
    run = add_sweep(database, swept)
    said = " ".join(pifarm("run", "show", run).out.split())
    assert "asked for 45.0 °C: out of reach; 80.0 °C: safety limit" in said
    assert "safety limit 84.0 °C, 2 readings at or above it" in said
    assert "latency by the temperature of the die" in said
    assert "not held" in said and "one inference changes the die by +2.0 C" in said
    document = read_json(pifarm, "run", "show", run)["account"]["sweep"]
    assert document["swept"]["high"] == "safety limit" and document["hysteresis"] is None
    assert document["rows"][0]["up"]["slots"] == 1
