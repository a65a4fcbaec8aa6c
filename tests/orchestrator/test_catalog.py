"""Models and their builds: what is registered, and that a refused command leaves nothing behind."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from orchestrator import catalog
from orchestrator.catalog import NewBuild, labels_for
from orchestrator.config import Settings
from orchestrator.db.model_tables import BuildRow
from orchestrator.db.session import Database
from orchestrator.demo import demo_variants
from orchestrator.errors import ModelError, SpecError
from orchestrator.farm import Farm
from orchestrator.formats import ModelFile, ModelFormat, TensorInfo
from orchestrator.transport import Progress
from tests.racing import at_once
from tests.small_farm import dump

VARIANTS = {variant.label: variant.path for variant in demo_variants()}
TENSOR = TensorInfo(name="x", dtype="float32", shape=("batch", 3))


def believe(path: Path) -> ModelFile:
    """The facts of a small model, without a look into its file; an empty file is none."""
    if path.stat().st_size == 0:
        raise ModelError(f"{path}: got an empty file")
    return ModelFile(
        format=ModelFormat.ONNX,
        main=path.name,
        files={path.name: path},
        inputs=(TENSOR,),
        outputs=(TENSOR,),
        opset={"ai.onnx": 17},
        size_bytes=path.stat().st_size,
        runtimes=("onnxruntime",),
    )


def add_model(farm: Farm, name: str, builds: Sequence[NewBuild], progress: Progress | None = None) -> list[str]:
    """Register builds whose files nobody opens: that is tested with `formats`, and takes a process each."""
    return catalog.add_model(farm, name, builds, progress, read=believe)


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Farm:
    """A farm without models."""
    return Farm(settings=Settings(home=tmp_path / "home"), database=database, farm_id="farm-test")


def get_builds(farm: Farm) -> dict[str, BuildRow]:
    """The builds that are registered, by label."""
    with farm.database.read() as session:
        builds = session.scalars(select(BuildRow).order_by(BuildRow.id)).all()
        for build in builds:
            assert build.artifact.id == build.artifact_id
        return {build.label: build for build in builds}


def stored_files(farm: Farm) -> set[str]:
    """The blobs and manifests of the artifact store."""
    root = farm.settings.artifacts_dir
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.integration
def test_a_model_is_stored_with_its_facts_and_metrics(farm: Farm) -> None:
    builds = [
        NewBuild(path=VARIANTS["onnx"], label="fp32", metrics={"accuracy": 0.98}),
        NewBuild(path=VARIANTS["int8"], label="int8"),
    ]
    assert catalog.add_model(farm, "digits", builds) == ["fp32", "int8"]
    fp32, int8 = get_builds(farm).values()
    assert fp32.metrics == {"accuracy": {"value": 0.98, "source": "declared"}}
    assert (fp32.is_baseline, int8.is_baseline) == (True, False)
    assert fp32.artifact.size_bytes == VARIANTS["onnx"].stat().st_size
    assert fp32.artifact.format == "onnx"
    assert fp32.artifact.facts["runtimes"] == ["onnxruntime", "openvino"]
    assert [tensor["dtype"] for tensor in fp32.artifact.facts["inputs"]] == ["float32"]
    assert fp32.artifact_id != int8.artifact_id


def test_adding_the_same_again_adds_nothing_and_keeps_every_metric(farm: Farm) -> None:
    add_model(farm, "digits", [NewBuild(path=VARIANTS["onnx"], label="fp32", metrics={"accuracy": 0.9, "f1": 0.5})])
    stored = stored_files(farm)
    again = [NewBuild(path=VARIANTS["onnx"], label="fp32", metrics={"accuracy": 0.95})]
    assert add_model(farm, "digits", again) == []
    metrics = get_builds(farm)["fp32"].metrics
    assert {name: fact["value"] for name, fact in metrics.items()} == {"accuracy": 0.95, "f1": 0.5}
    assert stored_files(farm) == stored


def test_a_label_never_changes_its_content(farm: Farm) -> None:
    add_model(farm, "digits", [NewBuild(path=VARIANTS["onnx"], label="best")])
    before = dump(farm.database)
    with pytest.raises(SpecError, match=r"variant: digits/best exists with other content; .*--variant"):
        add_model(
            farm,
            "digits",
            [NewBuild(path=VARIANTS["ort"], label="new"), NewBuild(path=VARIANTS["int8"], label="best")],
        )
    assert dump(farm.database) == before


def test_one_file_may_go_by_several_labels_and_in_several_models(farm: Farm) -> None:
    for model, label in (("digits", "a"), ("digits", "b"), ("other", "a")):
        assert add_model(farm, model, [NewBuild(path=VARIANTS["onnx"], label=label)]) == [label]
    assert len({row[0] for row in dump(farm.database)["artifacts"]}) == 1


def test_if_one_file_of_many_is_bad_none_is_registered_or_stored(farm: Farm, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.touch()
    before = dump(farm.database)
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        add_model(farm, "digits", [NewBuild(path=VARIANTS["onnx"], label="a"), NewBuild(path=bad, label="b")])
    assert dump(farm.database) == before
    assert stored_files(farm) == set()


def test_two_commands_at_once_that_add_the_same_model_both_succeed(each_database: Database, tmp_path: Path) -> None:
    farm = Farm(settings=Settings(home=tmp_path / "home"), database=each_database, farm_id="farm-test")
    build = NewBuild(path=VARIANTS["onnx"], label="fp32")
    added = at_once(3, lambda _: add_model(farm, "digits", [build]))
    assert sorted(added) == [[], [], ["fp32"]]
    assert list(get_builds(farm)) == ["fp32"]


@pytest.mark.parametrize("name", ["", "a/b", "../digits", "digits\n", "dig its", "ä"])
def test_a_model_needs_a_plain_name(farm: Farm, name: str) -> None:
    with pytest.raises(SpecError, match="model: expected letters"):
        add_model(farm, name, [NewBuild(path=VARIANTS["onnx"], label="a")])
    assert dump(farm.database)["models"] == []


@pytest.mark.parametrize("label", ["", "a@b", "a,t4", "a/b", "-x"])
def test_a_label_needs_to_be_plain_because_variants_are_addressed_by_it(label: str) -> None:
    with pytest.raises(SpecError, match=r"variant: expected letters .* choose a label with --variant"):
        NewBuild(path=Path("net.onnx"), label=label)


@pytest.mark.parametrize(("name", "value"), [("mAP 50", 0.5), ("", 0.5), ("mAP50", float("nan")), ("f1", float("inf"))])
def test_a_metric_is_a_plain_name_and_a_finite_number(name: str, value: float) -> None:
    with pytest.raises(SpecError, match="metric: expected NAME=NUMBER"):
        NewBuild(path=Path("net.onnx"), label="a", metrics={name: value})


def test_a_label_cannot_be_given_twice_in_one_command(farm: Farm) -> None:
    with pytest.raises(SpecError, match="variant: 'a' is given twice"):
        add_model(farm, "digits", [NewBuild(path=path, label="a") for path in (VARIANTS["onnx"], VARIANTS["int8"])])


def test_without_a_file_there_is_nothing_to_add(farm: Farm) -> None:
    with pytest.raises(SpecError, match="expected at least one PATH"):
        add_model(farm, "digits", [])


def test_the_baseline_is_the_first_until_another_is_named(farm: Farm) -> None:
    def baselines() -> list[str]:
        return [label for label, build in get_builds(farm).items() if build.is_baseline]

    add_model(farm, "digits", [NewBuild(path=VARIANTS["onnx"], label="a")])
    add_model(farm, "digits", [NewBuild(path=VARIANTS["int8"], label="b")])
    assert baselines() == ["a"]
    add_model(farm, "digits", [NewBuild(path=VARIANTS["int8"], label="b", is_baseline=True)])
    assert baselines() == ["b"]


def test_a_build_is_named_by_its_file_and_by_its_ending_where_names_meet() -> None:
    paths = [Path("m/net.onnx"), Path("m/net.ort"), Path("m/tiny.onnx"), Path("m/folder")]
    assert labels_for(paths) == ["net-onnx", "net-ort", "tiny", "folder"]


def test_progress_ends_at_the_size_of_what_is_stored(farm: Farm, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    copy = tmp_path / "copy.onnx"
    shutil.copyfile(VARIANTS["onnx"], copy)
    add_model(farm, "digits", [NewBuild(path=copy, label="a")], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (copy.stat().st_size, copy.stat().st_size)
