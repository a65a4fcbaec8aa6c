"""`pifarm thermal`: soaks and searches are submitted as studies are, and say what they came to."""

import pytest

from orchestrator.db.session import Database
from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.orchestrator.studies.stepping import steps


def test_a_soak_is_a_sustained_study(pifarm: Pifarm) -> None:
    study = read_json(pifarm, "thermal", "soak", "yolov9-c", "--variant", "fp32")
    assert (study["protocol"], study["regime"]) == ("sustained", "sustained")
    assert (study["blocks"], study["kind"]) == (3, "submitted")
    assert study["counts"]["queued"] == 3
    assert study["forecast"]["boards"][0]["floor_s"] == 120 + 1200 + 600


def test_a_soak_of_another_length_is_a_protocol_of_its_own(pifarm: Pifarm) -> None:
    study = read_json(pifarm, "thermal", "soak", "yolov9-c", "--minutes", "30", "--repeats", "2", "--dry-run")
    assert study["forecast"]["runs"] == 4
    assert study["forecast"]["boards"][0]["floor_s"] == 120 + 1800 + 600
    submitted = read_json(pifarm, "thermal", "soak", "yolov9-c", "--minutes", "30")
    assert submitted["protocol"].startswith("sustained-")
    assert read_json(pifarm, "thermal", "soak", "yolov9-c", "--minutes", "20")["protocol"] == "sustained"


def test_a_search_is_submitted_with_one_step_and_says_how_many_there_may_be(pifarm: Pifarm) -> None:
    ended = pifarm("thermal", "pace", "yolov9-c", "--variant", "fp32", "--start", "2")
    assert (ended.exit_code, ended.out) == (0, "study 1: 1 run on pi5-kitchen\n")
    said = " ".join(ended.err.split())
    assert "5 runs: 1 variant x 1 device x 5 blocks" in said
    assert "blocks are added as results ask for them, at most 12" in said
    assert "pifarm study show 1" in said


def test_a_search_shows_its_steps_and_its_result(pifarm: Pifarm, database: Database) -> None:
    pifarm("thermal", "pace", "yolov9-c", "--variant", "fp32", "--start", "2", "--threads", "1")
    steps(database, 1, lambda run: 3.0)
    shown = pifarm("study", "show", "1")
    said = " ".join(shown.out.split())
    assert "fp32@onnxruntime,t1 on pi5-kitchen: holds 2.95/s for ever at 25.0 °C, not 3.05/s: throttled" in said
    assert "other rooms: run" in said and "it has no inference yet" in said
    document = read_json(pifarm, "study", "show", "1")
    (search,) = document["searches"]
    assert (search["is_confirmed"], search["ended"]) == (True, "the highest held rate is confirmed")
    assert len(search["steps"]) == len(document["runs"]) == 4
    assert [each["study"] for each in read_json(pifarm, "study", "list")] == [1]
    excluded = read_json(pifarm, "leaderboard")["excluded"]
    assert {each["code"] for each in excluded} == {"pace-step"}


def test_a_dry_run_of_a_search_stores_nothing(pifarm: Pifarm) -> None:
    before = pifarm.dump()
    assert read_json(pifarm, "thermal", "pace", "yolov9-c", "--dry-run")["forecast"]["finds"] is None
    assert pifarm.dump() == before


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--within", "0.1%"], "pace: within: expected 1%..50%"),
        (["--within", "near"], "--within near: expected a percentage"),
        (["--start", "0"], "pace: start: expected 0.001..10000 a second"),
        (["--deadline-ms", "0"], "pace: deadline_s: expected more than 0"),
        (["--max-steps", "1"], "pace: most_steps: expected 3..50"),
        (["--device", "attic"], "device: 'attic' is unknown"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(complain: Bad, options: list[str], complaint: str) -> None:
    assert complaint in complain("thermal", "pace", "yolov9-c", *options)


def test_a_rate_of_nothing_is_refused(complain: Bad) -> None:
    assert "--rate: expected more than 0" in complain("thermal", "predict", "abc", "--rate", "0")


def test_a_run_that_foretells_nothing_ends_with_3(pifarm: Pifarm, measured: factories.Example) -> None:
    run = read_json(pifarm, "run", "list")[0]["run"]
    ended = pifarm("thermal", "predict", run)
    assert (ended.exit_code, ended.out) == (3, "")
    assert ended.err.startswith(f"error: run {run}: expected a sustained run, got a burst one")
