"""`pifarm canary`: what devices' canaries say, for people and for programs."""

from orchestrator.attending.lifecycle import StudyKind
from orchestrator.canary import workload
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.queries.studies import list_studies
from tests.canaries import measure_canaries
from tests.cli.conftest import Bad, Pifarm, read_json

STEADY = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98, 10.0]


def test_the_last_canary_stands_against_its_limits(pifarm: Pifarm, database: Database) -> None:
    measure_canaries(database, "pi5-kitchen", [*STEADY, 12.0])
    shown = pifarm("canary", "show", "pi5-kitchen").out
    assert "of 8" in shown and "12.0 ms" in shown
    assert "NO" in shown.splitlines()[-1]


def test_programs_get_every_canary_with_the_limits_that_held(pifarm: Pifarm, database: Database) -> None:
    measure_canaries(database, "pi5-kitchen", [*STEADY, 12.0, 14.0], disturbed=[9])
    (chart,) = read_json(pifarm, "canary", "show")
    assert (chart["device"], chart["baseline"], chart["state"]) == ("pi5-kitchen", 8, "ready")
    assert [point["is_out"] for point in chart["points"]] == [False] * 8 + [True, True]
    assert [point["is_clear"] for point in chart["points"]] == [True] * 9 + [False]
    assert chart["points"][0]["low_ms"] is None, "before the first canary there were no limits"


def test_a_device_without_canaries_says_so(pifarm: Pifarm) -> None:
    assert "none yet" in pifarm("canary", "show").out


def test_a_canary_is_queued_by_hand_even_where_they_are_off(pifarm: Pifarm, database: Database) -> None:
    ended = pifarm("canary", "run", "--all")
    assert ended.exit_code == 0 and "canary queued on pi5-kitchen" in ended.out
    assert [study.kind for study in list_studies(database, kinds=tuple(StudyKind))] == [StudyKind.CANARY]
    assert pifarm("study", "list").out == ""
    assert "(canary)" in pifarm("study", "list", "--all").out


def test_a_reset_begins_the_baseline_anew(pifarm: Pifarm, database: Database) -> None:
    measure_canaries(database, "pi5-kitchen", STEADY)
    assert "its new baseline" in pifarm("canary", "reset", "pi5-kitchen").out
    assert read_json(pifarm, "canary", "show")[0]["points"] == []
    with database.read() as session:
        assert session.get_one(DeviceRow, 1).needs_canary


def test_wrong_use_is_told_what_to_do(complain: Bad) -> None:
    assert "expected DEVICE..., or --all" in complain("canary", "run")
    assert "there are pi5-kitchen" in complain("canary", "show", "nobody")
    assert "is the farm's own" in complain("model", "add", workload.MODEL, str(workload.FILE.parent))
