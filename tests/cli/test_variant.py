"""`pifarm variant` and `pifarm choose` as a shell sees them: what they print, and how they end."""

import json
from pathlib import Path

import pytest

from tests import factories
from tests.cli.conftest import Bad, Pifarm, read_json
from tests.orchestrator.variants.networks import chain


@pytest.mark.integration
def test_what_cannot_be_made_and_what_answers_otherwise_end_with_1(pifarm: Pifarm, tmp_path: Path) -> None:
    assert pifarm("model", "add", "net", str(chain(tmp_path / "net.onnx"))).exit_code == 0
    made = pifarm("variant", "make", "net", "--recipe", "prune:0.99,prune:0.00001", "--json")
    assert made.exit_code == 1
    assert [each["label"] for each in json.loads(made.out)] == ["prune-0.99", None]
    assert any("'variant make','net: prune-0.99'" in line for line in pifarm.dump()), "the audit log has it"
    checked = pifarm("variant", "check", "net", "--inputs", "2")
    assert checked.exit_code == 1
    assert "  prune-0.99: broken\n" in checked.err
    assert checked.out.splitlines()[1].split()[:4] == ["variant", "runtime", "answers", "cosine"]


def test_bad_words_for_variants_are_refused_without_a_trace(complain: Bad, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.npz")
    for words, said in (
        (("make", factories.MODEL, "--recipe", "prune:2"), "expected a share between 0 and 1, got '2'"),
        (
            ("make", factories.MODEL, "--recipe", "int8-static"),
            "needs examples of real inputs; give --calibration",
        ),
        (
            ("make", factories.MODEL, "--recipe", "ort", "--calibration", missing),
            "cannot be read: No such file",
        ),
        (("make", factories.MODEL, "--recipe", "ort,fp16", "--variant", "x"), "names the variant of one recipe, got 2"),
        (("check", factories.MODEL, "--variant", "nobody"), "has no 'nobody'"),
        (("check", factories.MODEL, "--task", missing), "cannot be read"),
        (("check", factories.MODEL, "--device", "pi5-kitchen"), "run: pifarm device drain pi5-kitchen"),
    ):
        assert said in complain("variant", *words)


def test_a_choice_ends_by_how_clear_it_is(pifarm: Pifarm, measured: factories.Example) -> None:
    best = read_json(pifarm, "choose", factories.MODEL, "--device-type", "pi5")
    assert {each["choice"]["best"] for each in best} == {"int8@onnxruntime,t4"}
    nothing = pifarm("choose", factories.MODEL, "--min", "mAP50=0.69", "--max-latency", "80ms")
    assert nothing.exit_code == 1
    assert "  nothing meets the limits" in nothing.out
    assert "  left out: int8@onnxruntime,t4: mAP50 is 0.68 (declared), wanted mAP50 at least 0.69" in nothing.out
    assert pifarm("choose", factories.MODEL, "--regime", "sustained").exit_code == 2
    assert "as burst on pi9, but on pi5" in pifarm("choose", factories.MODEL, "--device-type", "pi9").err
