"""`pifarm compare --by`: one variant on boards that differ in a label."""

from pathlib import Path

import pytest

from orchestrator.db.session import Database
from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json


@pytest.fixture
def shelf(pifarm: Pifarm, database: Database) -> None:
    """Two bare boards and two with a fan, in one study."""
    factories.add_model(database, "net", labels=("fp32",))
    names = {"pi4-a": "bare", "pi4-b": "bare", "pi4-c": "fan", "pi4-d": "fan"}
    for name, cooling in names.items():
        factories.add_device(database, name, board_type="pi4", labels={"cooling": cooling})
    study = factories.add_study(database, model="net", devices=tuple(names))
    factories.measure(database, study, {"fp32": 100.0})


@pytest.mark.usefixtures("shelf")
def test_a_person_reads_the_answer_and_a_row_for_each_value(pifarm: Pifarm) -> None:
    ended = pifarm("compare", "net/fp32", "--by", "cooling", "--baseline", "bare")
    assert ended.exit_code == 0
    assert "net/fp32@onnxruntime,t4 on Raspberry Pi 4" in ended.out
    assert "2 boards beside 2 boards (Welch)" in ended.out
    assert "bare (baseline)" in ended.out


@pytest.mark.usefixtures("shelf")
def test_the_document_has_levels_and_comparisons(pifarm: Pifarm) -> None:
    document = read_json(pifarm, "compare", "net/fp32", "--by", "cooling", "--baseline", "bare")
    (group,) = document["groups"]
    assert (document["factor"], group["baseline"]) == ("cooling", "bare")
    assert [level["level"] for level in group["levels"]] == ["bare", "fan"]
    assert group["comparisons"][0]["contrast"]["design"] == "some boards beside others"


@pytest.mark.usefixtures("shelf")
def test_markdown_and_a_figure_go_together(pifarm: Pifarm, tmp_path: Path) -> None:
    path = tmp_path / "cooling.svg"
    ended = pifarm("compare", "net/fp32", "--by", "cooling", "--markdown", "--figure", str(path))
    assert ended.out.startswith("**net/fp32")
    assert path.read_text().startswith("<svg")


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net/fp32",), "expected two variants, or one with --by"),
        (("net/fp32", "net/fp32", "--by", "cooling"), "expected one variant"),
        (("net/fp32", "--by", "cooling", "--fail-if-slower", "5%"), "expected two variants"),
        (("net/fp32", "net/fp32", "--baseline", "bare"), "mean nothing without --by"),
        (("net/fp32", "--by", "psu"), "no board had that label"),
        (("net/fp32", "--by", "cooling", "--baseline", "oil"), "expected a value of cooling: bare, fan"),
    ],
)
def test_what_does_not_go_together_is_refused(complain: Bad, arguments: tuple[str, ...], message: str) -> None:
    assert message in complain("compare", *arguments)
