"""`pifarm compare`: what it prints, and the exit codes that a pipeline relies on."""

import pytest

from orchestrator.db.session import Database
from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json


def measure(database: Database, int8_ms: float, *, blocks: int = 5, cv: float = 0.01) -> None:
    factories.add_device(database, "pi5-9")
    factories.add_model(database, "net")
    study = factories.add_study(database, model="net", devices=("pi5-9",), blocks=blocks)
    factories.measure(database, study, {"fp32": 100.0, "int8": int8_ms}, cv=cv)


@pytest.mark.parametrize(("int8_ms", "blocks", "code"), [(70.0, 5, 0), (101.0, 5, 0), (125.0, 5, 1), (105.0, 2, 3)])
def test_the_exit_code_says_shown_not_shown_or_cannot_tell(
    pifarm: Pifarm, database: Database, int8_ms: float, blocks: int, code: int
) -> None:
    measure(database, int8_ms, blocks=blocks)
    assert pifarm("compare", "net/int8", "net/fp32", "--fail-if-slower", "5%").exit_code == code
    assert pifarm("compare", "net/int8", "net/fp32").exit_code == 0


def test_the_worst_of_several_groups_counts(pifarm: Pifarm, database: Database) -> None:
    measure(database, 70.0)
    factories.add_device(database, "pi4-9", board_type="pi4")
    study = factories.add_study(database, model="net", devices=("pi4-9",))
    factories.measure(database, study, {"fp32": 100.0, "int8": 130.0})
    ended = pifarm("compare", "net/int8", "net/fp32", "--fail-if-slower", "5%")
    assert ended.exit_code == 1
    assert "Raspberry Pi 4" in ended.out
    assert "Raspberry Pi 5" in ended.out
    assert pifarm("compare", "net/int8", "net/fp32", "--fail-if-slower", "5%", "--device", "pi5-9").exit_code == 0


def test_a_person_reads_the_answer_its_ratio_and_its_reach(pifarm: Pifarm, database: Database) -> None:
    measure(database, 70.0)
    out = pifarm("compare", "net/int8", "net/fp32").out
    assert "int8@onnxruntime,t4 is faster than fp32@onnxruntime,t4" in out
    assert "the time of fp32@onnxruntime,t4 (95 % interval); 5 common blocks" in out
    assert "smallest ratio it could have detected" in out
    assert "assumes that inferences are independent" in out


def test_who_cannot_tell_says_what_would_help(pifarm: Pifarm, database: Database) -> None:
    measure(database, 95.0, blocks=3, cv=0.03)
    out = pifarm("compare", "net/int8", "net/fp32").out
    assert "the data cannot tell" in out
    assert "more blocks (pifarm study extend)" in out


def test_a_single_block_asks_for_more(pifarm: Pifarm, database: Database) -> None:
    measure(database, 70.0, blocks=1)
    out = pifarm("compare", "net/int8", "net/fp32").out
    assert "at least 2 blocks" in out


def test_the_document_has_everything(pifarm: Pifarm, database: Database) -> None:
    measure(database, 125.0)
    plain = read_json(pifarm, "compare", "net/int8", "net/fp32")
    assert (plain["fail_if_slower"], plain["limits"]) == (None, None)
    (group,) = plain["groups"]
    assert group["comparison"]["answer"] == "slower"
    assert group["comparison"]["ratio"] == pytest.approx(1.25, rel=0.03)
    assert {"median_ms", "p90_ms", "p90_ci_ms", "pooled_p90_ms", "pooled_p99_ms"} <= group["a"].keys()


def test_markdown_is_a_sentence_and_a_table(pifarm: Pifarm, measured: factories.Example) -> None:
    out = pifarm("compare", "int8", "fp32", "--markdown", "--fail-if-slower", "5%").out
    assert "| variant | median | p90 of the median run | p90, pooled | p99, pooled | runs |" in out
    assert "`SIMULATED`" in out
    assert " ms \\[" in out, "brackets are no links"
    assert "not slower by more than 5.0 %." in out


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--margin", "2"), "percentage"), (("--fail-if-slower", "100%"), "below 100%"), (("--margin", "-1%"), "0%")],
)
def test_a_bad_share_is_refused(complain: Bad, options: tuple[str, str], message: str) -> None:
    assert message in complain("compare", "fp32", "int8", *options)


def test_what_was_never_measured_says_so(complain: Bad, database: Database) -> None:
    factories.add_model(database, "net")
    factories.add_study(database, model="net", devices=("pi5-kitchen",))
    assert "no ended run here; pifarm submit net" in complain("compare", "net/fp32", "net/int8")
    assert "unknown" in complain("compare", "net/int4", "net/fp32")
