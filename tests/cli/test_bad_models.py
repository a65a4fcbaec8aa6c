"""Files that are no models, and names that are taken: exit code 2, a remedy, and nothing half done."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from orchestrator.demo import demo_variants
from tests.cli.conftest import Bad, Pifarm

VARIANTS = {variant.label: variant.path for variant in demo_variants()}


def save_adder(folder: Path, opset: int = 17, location: str | None = None) -> Path:
    """An ONNX model that adds a constant; with `location` the constant lies in that file."""
    weights = numpy_helper.from_array(numpy_helper.np.ones(3, "float32"), "weights")  # type: ignore[attr-defined]  # re-exported numpy
    if location is not None:
        weights = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
        entry = weights.external_data.add()
        entry.key, entry.value = "location", location
    tensor = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weights"], ["y"])], "adder", tensor[:1], tensor[1:], initializer=[weights]
    )
    path = folder / "adder.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_file_that_is_no_model(complain: Bad, tmp_path: Path) -> None:
    path = tmp_path / "notes.onnx"
    path.write_text("milk, bread, honey", encoding="utf-8")
    assert "expected an ONNX model" in complain("model", "add", "net", str(path))


def test_a_file_of_another_kind(complain: Bad, tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("milk, bread, honey", encoding="utf-8")
    assert "net.txt" in complain("model", "add", "net", str(path))


def test_a_path_to_nothing(complain: Bad, tmp_path: Path) -> None:
    assert "nothing.onnx" in complain("model", "add", "net", str(tmp_path / "nothing.onnx"))


def test_a_truncated_onnx_file(complain: Bad, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(VARIANTS["onnx"].read_bytes()[:-1000])
    assert "copy or export it again" in complain("model", "add", "net", str(path))


def test_an_onnx_file_whose_external_data_is_missing(complain: Bad, tmp_path: Path) -> None:
    said = complain("model", "add", "net", str(save_adder(tmp_path, location="weights.bin")))
    assert "the file 'weights.bin'" in said
    assert "is not in" in said


def test_an_onnx_file_whose_external_data_is_outside_its_folder(complain: Bad, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 12)
    folder = tmp_path / "model"
    folder.mkdir()
    said = complain("model", "add", "net", str(save_adder(folder, location="../secret")))
    assert "is not a name below the model's folder" in said


@pytest.mark.integration
def test_an_opset_that_the_runtime_does_not_have(complain: Bad, tmp_path: Path) -> None:
    said = complain("model", "add", "net", str(save_adder(tmp_path, opset=onnx.defs.onnx_opset_version() + 50)))
    assert "opset" in said
    assert "export it again" in said


@pytest.mark.integration
def test_a_good_file_beside_a_bad_one_is_not_added_alone(complain: Bad, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"")
    assert "bad.onnx" in complain("model", "add", "net", str(VARIANTS["onnx"]), str(bad))


@pytest.mark.integration
def test_a_label_that_exists_with_other_content(pifarm: Pifarm, complain: Bad) -> None:
    assert pifarm("model", "add", "net", str(VARIANTS["onnx"]), "--variant", "best").exit_code == 0
    before = pifarm.dump()
    ended = pifarm("model", "add", "net", str(VARIANTS["int8"]), "--variant", "best")
    assert (ended.exit_code, pifarm.dump()) == (2, before)
    assert "net/best exists with other content; choose another label with --variant" in ended.err


def test_a_label_for_several_files(complain: Bad) -> None:
    files = [str(VARIANTS["onnx"]), str(VARIANTS["int8"])]
    assert "one by one" in complain("model", "add", "net", *files, "--variant", "best")


@pytest.mark.parametrize("metric", ["mAP50", "=0.5", "mAP50=good", "mAP50=nan", "mAP 50=0.5"])
def test_a_metric_that_is_none(complain: Bad, metric: str) -> None:
    assert "metric" in complain("model", "add", "net", str(VARIANTS["onnx"]), "--metric", metric)


def test_a_model_name_that_is_a_path(complain: Bad) -> None:
    assert "model: expected letters" in complain("model", "add", "../net", str(VARIANTS["onnx"]))
