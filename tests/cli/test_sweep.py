"""`pifarm thermal sweep`: a ramp from its options, refused where it cannot be."""

import pytest

from tests.cli.conftest import Bad, Pifarm, read_json


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
