"""Variants made of a registered model for real, with their lineage, and compared with their baseline."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from orchestrator.analysis.fidelity import Likeness
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.demo.digits import to_tensors
from orchestrator.errors import InternalError, NotFoundError, SpecError
from orchestrator.farm import Farm
from orchestrator.formats.trial import QUIET_PYTHON
from orchestrator.queries.models import get_model
from orchestrator.queries.rows import BuildView
from orchestrator.variants.fidelity import compare_variants
from orchestrator.variants.make import make_variants
from orchestrator.variants.recipe import Recipe
from orchestrator.variants.workshop import carry_out

pytestmark = pytest.mark.integration
FILES = Path(__file__).parents[3] / "orchestrator" / "demo" / "files"


def digits_farm(database: Database, home: Path) -> Farm:
    """A farm with the demo's network as the baseline of `digits`."""
    made = Farm(settings=Settings(home=home), database=database, farm_id="farm-test")
    add_model(made, "digits", [NewBuild(path=FILES / "digits.onnx", label="fp32")])
    return made


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Farm:
    """A farm of the test's own, where nothing was made yet."""
    return digits_farm(database, tmp_path / "home")


@pytest.fixture(scope="module")
def used_farm(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Iterator[Farm]:
    """A farm with `ort`, `int8-static` and `openvino`, which tests share; whoever makes more of it names it."""
    home = tmp_path_factory.mktemp("used")
    database = open_migrated(f"sqlite:///{home / 'pifarm.db'}")
    shared = digits_farm(database, home)
    made = make_variants(shared, "digits", recipes("ort", "int8-static", "openvino"), calibration=examples)
    assert [(each.label, each.is_new) for each in made] == [("ort", True), ("int8-static", True), ("openvino", True)]
    yield shared
    database.engine.dispose()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty held-out digits as the network takes them."""
    path = tmp_path_factory.mktemp("examples") / "examples.npz"
    with np.load(FILES / "held-out.npz") as arrays:
        np.savez(path, image=to_tensors(arrays["images"][:30]))
    return path


def recipes(*texts: str) -> list[Recipe]:
    return [Recipe.parse(text) for text in texts]


def builds(farm: Farm) -> dict[str, BuildView]:
    return {build.label: build for build in get_model(farm.database, "digits").builds}


def test_a_variant_keeps_how_it_was_made(used_farm: Farm) -> None:
    known = builds(used_farm)
    lineage = known["int8-static"].lineage
    assert lineage["parent"] == known["fp32"].artifact
    assert (lineage["parent_label"], lineage["recipe"]) == ("fp32", "int8-static:u8s8")
    assert lineage["tools"]["onnxruntime"]
    assert len(lineage["calibration_sha256"]) == 64
    assert lineage["notes"] == ["calibrated on 30 examples"]
    assert known["fp32"].lineage == {}
    assert (known["ort"].format, known["openvino"].format) == ("ort", "openvino")
    assert known["openvino"].runtimes == ("openvino",)


@pytest.mark.parametrize("text", ["optimised", "slim", "fp16", "int8-dynamic", "int8-static", "prune-channels"])
def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path, examples: Path, text: str) -> None:
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        carry_out(Recipe.parse(text), FILES / "digits.onnx", folder, examples)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


def test_a_converter_that_counts_names_in_its_process_gives_the_same_bytes_in_one_of_its_own(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        words = ["--recipe", "openvino", "--parent", str(FILES / "digits.onnx"), "--folder", str(tmp_path / name)]
        subprocess.run([*QUIET_PYTHON, "-m", "orchestrator.variants.workshop", *words], check=True, capture_output=True)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert set(contents[0]) == {"digits.xml", "digits.bin"}
    assert contents[0] == contents[1]


def test_a_variant_that_was_made_before_is_not_made_again_whatever_examples_it_needs_not(used_farm: Farm) -> None:
    first = builds(used_farm)["ort"]
    (again,) = make_variants(used_farm, "digits", recipes("ort"))
    assert (again.label, again.notes[-1], again.is_new) == ("ort", "it was made before", False)
    assert builds(used_farm)["ort"] == first


def test_variants_of_a_variant_are_named_after_it(farm: Farm) -> None:
    make_variants(farm, "digits", recipes("prune:0.5"))
    make_variants(farm, "digits", recipes("int8-dynamic"), parent="prune-0.5")
    assert builds(farm)["prune-0.5-int8-dynamic"].lineage["parent_label"] == "prune-0.5"


def test_a_recipe_that_fails_stops_no_other_and_says_why(farm: Farm, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, image=np.zeros((4, 3, 5, 5), np.float32))
    before = {path.name for path in farm.settings.artifacts_dir.rglob("*")}
    (failed,) = make_variants(farm, "digits", recipes("int8-static"), calibration=wrong)
    assert failed.label is None
    assert failed.refusal == f"{wrong}: input image: expected examples of shape [1, 32, 32], got [3, 5, 5]"
    assert {path.name for path in farm.settings.artifacts_dir.rglob("*")} == before, "nothing half made is left"
    refused, made = make_variants(farm, "digits", recipes("prune:0.000001", "ort"))
    assert refused.refusal.startswith("prune:0.000001: not one weight of any layer would become zero")
    assert (made.label, list(builds(farm))) == ("ort", ["fp32", "ort"])


def test_a_set_of_more_examples_than_calibration_takes_is_refused(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    np.savez(path, image=np.zeros((513, 1, 32, 32), np.uint8))
    (failed,) = make_variants(farm, "digits", recipes("int8-static"), calibration=path)
    assert failed.refusal == f"{path}: expected 1..512 examples, got 513"


def test_a_second_variant_of_a_recipe_gets_a_name_of_its_own(used_farm: Farm, examples: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.npz"
    with np.load(examples) as arrays:
        np.savez(few, image=arrays["image"][:3] * 0.1)
    (clash,) = make_variants(used_farm, "digits", recipes("int8-static"), calibration=few)
    assert clash.refusal == (
        "int8-static:u8s8: digits/int8-static exists, and was made otherwise; choose another label with --variant"
    )
    before = set(builds(used_farm))
    (made,) = make_variants(used_farm, "digits", recipes("int8-static"), calibration=few, label="int8-few")
    assert (made.label, set(builds(used_farm)) - before) == ("int8-few", {"int8-few"})
    with pytest.raises(SpecError, match="--variant x: names the variant of one recipe, got 2"):
        make_variants(used_farm, "digits", recipes("ort", "fp16"), label="x")


def test_a_parent_that_was_damaged_in_the_store_is_named_and_nothing_is_made_of_it(farm: Farm) -> None:
    (blob,) = (farm.settings.artifacts_dir / "blobs").iterdir()
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-100])
    with pytest.raises(InternalError, match=r"digits\.onnx is damaged: expected sha256 .*; add the model again"):
        make_variants(farm, "digits", recipes("ort"))


def test_what_can_be_known_before_is_refused_before(used_farm: Farm) -> None:
    before = builds(used_farm)
    with pytest.raises(SpecError, match=r"int8-static: needs examples of real inputs; give --calibration"):
        make_variants(used_farm, "digits", recipes("slim", "int8-static"))
    with pytest.raises(NotFoundError, match="digits has no 'fp16'; it has fp32"):
        make_variants(used_farm, "digits", recipes("slim"), parent="fp16")
    with pytest.raises(SpecError, match="expected an ONNX file, ort is ort; there is fp32"):
        make_variants(used_farm, "digits", recipes("fp16"), parent="ort")
    assert builds(used_farm) == before


def test_sound_variants_answer_as_the_baseline_does_and_a_broken_one_shows(used_farm: Farm, examples: Path) -> None:
    make_variants(used_farm, "digits", recipes("prune:0.95"))
    names = ["ort", "int8-static", "openvino", "prune-0.95"]
    compared = compare_variants(used_farm, "digits", variants=names, real=examples, examples=30)
    found = {each.variant: each.fidelity for each in compared}
    assert all(each is not None and each.examples == 30 for each in found.values())
    words = {label: each.likeness for label, each in found.items() if each is not None}
    assert words.pop("int8-static") in (Likeness.ALIKE, Likeness.CLOSE), "u8s8 saturates on x86 without VNNI"
    assert words == {
        "fp32": Likeness.ALIKE,
        "ort": Likeness.ALIKE,
        "openvino": Likeness.ALIKE,
        "prune-0.95": Likeness.BROKEN,
    }


def test_an_ncnn_net_answers_as_its_parent_does_or_its_converter_is_named(farm: Farm, examples: Path) -> None:
    (made,) = make_variants(farm, "digits", recipes("ncnn"))
    if "its converter pnnx is not installed" in made.refusal:
        message = "pnnx is not installed: make torch"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    assert builds(farm)["ncnn"].runtimes == ("ncnn",)
    answers = [each.fidelity for each in compare_variants(farm, "digits", variants=["ncnn"], real=examples)]
    assert answers[1] is not None and answers[1].likeness is Likeness.ALIKE


def test_a_litert_file_answers_as_its_parent_does_or_its_converter_and_how_to_get_it_are_named(
    farm: Farm, examples: Path
) -> None:
    (made,) = make_variants(farm, "digits", recipes("litert"))
    if made.label is None:  # it cannot be installed beside pifarm
        assert made.refusal.startswith("its converter onnx2tf is not installed; run: pipx install onnx2tf")
        return
    assert builds(farm)["litert"].lineage["tools"]["onnx2tf"][0].isdigit()
    answers = [each.fidelity for each in compare_variants(farm, "digits", variants=["litert"], real=examples)]
    assert answers[1] is not None and answers[1].likeness is Likeness.ALIKE


def test_real_inputs_that_do_not_fit_are_refused(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    np.savez(path, a=np.zeros((1, 1)), b=np.zeros((1, 1)))
    with pytest.raises(SpecError, match="has no examples of image, it has a, b"):
        list(compare_variants(farm, "digits", real=path))
