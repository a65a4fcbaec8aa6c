"""`pifarm run show` and `run diff`: a run in full, and two beside each other."""

import pytest

from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.session import Database
from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json


@pytest.fixture
def runs(measured: factories.Example, database: Database) -> list[str]:
    """The runs of a measured study, those of the real board first."""
    return factories.run_ids(database, measured.study)


def test_a_run_is_explained_from_its_gate_to_its_environment(pifarm: Pifarm, runs: list[str]) -> None:
    out = pifarm("run", "show", runs[0]).out
    for text in (
        "verdict: valid, no rule objects",
        "waited at the gate",
        "opened after 4.0 s, at 52.5 °C",
        "p90 of this run",
        "course: ",
        "52.5 °C at the start, 52.5 °C at the end",
        "no live bit",
        "100.0 % of the window",
        "governor",
        "not checked: power_w, fan_rpm",
    ):
        assert text in out


def test_reasons_come_with_their_advice(pifarm: Pifarm, database: Database, runs: list[str]) -> None:
    reason = {"code": "drift", "severity": "suspect", "text": "drift: 3 % (limit 2 %); let it warm up longer"}
    factories.change_run(database, runs[0], reasons=[reason])
    assert "suspect: drift: 3 % (limit 2 %); let it warm up longer" in pifarm("run", "show", runs[0]).out


def test_the_document_has_the_runs_own_keys_and_its_account(pifarm: Pifarm, runs: list[str]) -> None:
    shown = read_json(pifarm, "run", "show", runs[0])
    assert {"run", "verdict", "reasons", "attempts", "median_ms", "steadiness"} <= shown.keys()
    assert {"timeline", "segments", "telemetry", "pace", "not_checked", "trimmed"} <= shown["account"].keys()


def test_a_run_that_waits_is_shown_too(pifarm: Pifarm, database: Database, measured: factories.Example) -> None:
    waiting = factories.run_ids(database, factories.add_study(database, blocks=1))[0]
    ended = pifarm("run", "show", waiting)
    assert (ended.exit_code, "not been started yet" in ended.out) == (0, True)


def test_two_runs_are_set_beside_each_other(pifarm: Pifarm, runs: list[str]) -> None:
    out = pifarm("run", "diff", runs[0], runs[-1]).out
    assert "cannot be compared" in out
    assert out.index("makes them incomparable") < out.index("detail")
    assert "each group is ranked by itself" in out
    assert "nothing differs" in pifarm("run", "diff", runs[0], runs[0]).out


def test_a_difference_is_a_document(pifarm: Pifarm, runs: list[str]) -> None:
    found = read_json(pifarm, "run", "diff", runs[0], runs[-1])
    assert (found["comparable"], found["differences"][0]["weight"]) == (False, "makes them incomparable")


def test_an_unknown_run_is_refused(complain: Bad, measured: factories.Example) -> None:
    assert "unknown" in complain("run", "diff", "zzz", "zzz")


def test_a_run_under_way_says_how_it_stands_and_what_its_soak_shows_so_far(
    pifarm: Pifarm, database: Database, measured: factories.Example
) -> None:
    soaking = factories.begin_soak(database)
    factories.change_run(database, soaking, ambient_c=25.0, ambient_source=AmbientSource.TYPED)
    out = pifarm("run", "show", soaking).out
    assert "under way: measuring for 2 min" in out
    assert "52.5 °C, 2400 MHz, 500 ms, 120 inferences" in out
    assert "room 25.0 °C, typed in" in out
    assert "the soak so far" in out
    assert "peak memory" not in out, "figures come with the end"
    progress = read_json(pifarm, "run", "show", soaking)["account"]["progress"]
    assert (progress["phase"], progress["temperature_c"]) == ("window", 52.5)


def test_a_run_that_has_ended_has_no_progress_but_its_room_and_labels(pifarm: Pifarm, runs: list[str]) -> None:
    assert read_json(pifarm, "run", "show", runs[0])["account"]["progress"] is None
    lines = [line.split() for line in pifarm("run", "show", runs[0]).out.splitlines()]
    assert ["room", "not", "known"] in lines
    assert ["labels", "of", "the", "device", "then", "cooling=fan"] in lines
