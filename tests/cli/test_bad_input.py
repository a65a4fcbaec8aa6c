"""Bad input: exit code 2, one line that says what is wrong and what to do, and nothing half done."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sqlalchemy import text

from orchestrator.db.session import Database
from orchestrator.demo import demo_variants
from orchestrator.simulator.farm import simulated_boards
from tests.cli.conftest import Pifarm

Bad = Callable[..., str]
VARIANTS = {variant.label: variant.path for variant in demo_variants()}


@pytest.fixture
def complain(pifarm: Pifarm) -> Bad:
    """Runs a command that must be refused without a trace; gives its complaint."""

    def run(*arguments: str) -> str:
        before, files = pifarm.dump(), stored_files(pifarm)
        ended = pifarm(*arguments)
        assert ended.exit_code == 2, ended
        assert ended.out == ""
        assert ended.err.startswith("error: ")
        assert "Traceback" not in ended.err
        assert ended.err.count("\n") == 1, "one line"
        assert pifarm.dump() == before
        assert stored_files(pifarm) == files
        return ended.err

    return run


def stored_files(pifarm: Pifarm) -> set[Path]:
    """Model files and whatever else a refused command has no reason to leave; the agent's bundle is only a cache."""
    kept = ("pifarm.db", "farm_ed25519")
    files = (path for path in pifarm.home.rglob("*") if path.is_file() and path.parent.name != "bundles")
    return {path for path in files if not path.name.startswith(kept)}


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


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--device", "pi9"], "device: 'pi9' is unknown; there are pi5-kitchen"),
        (["--variant", "fp16"], "variant: yolov9-c has no 'fp16'; it has fp32, int8"),
        (["--where", "cooling=water"], "labels in use: cooling=fan"),
        (["--where", "cooling"], "--where cooling: expected NAME=VALUE"),
        (["--protocol", "slow"], "protocol: expected one of quick, standard, demo"),
        (["--set", "window.min_s"], "expected SETTING=VALUE"),
        (["--set", "window.min_s=-1"], "min_s: expected 0 or more"),
        (["--threads", "0"], "threads: expected 1..64, got 0"),
        (["--threads", "1,65"], "threads: expected 1..64, got 65"),
        (["--threads", "many"], "--threads many: expected whole numbers like 1,4"),
        (["--blocks", "0"], "blocks: expected 1..1000, got 0"),
        (["--runtime", "tflite"], "runs on onnxruntime, not 'tflite'"),
        (["--shape", "images"], "--shape images: expected NAME=VALUE"),
        (["--shape", "images=1,0"], "images: expected sizes of 1 or more"),
        (["--shape", "images=1xx3"], "--shape 1xx3: expected whole numbers"),
        (["--seed", "-1"], "seed: expected 0..2**32-1, got -1"),
        (["--seed", str(2**80)], "seed"),
    ],
)
def test_a_submission_that_makes_no_sense(complain: Bad, options: list[str], complaint: str) -> None:
    assert complaint in complain("submit", "yolov9-c", *options)


def test_an_unknown_model(complain: Bad) -> None:
    assert "model: 'yolo' is unknown; there are yolov9-c" in complain("submit", "yolo")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["study", "show", "7"], "7"),
        (["study", "watch", "7"], "7"),
        (["study", "cancel", "7"], "7"),
        (["study", "retry", "7"], "7"),
        (["leaderboard", "7"], "7"),
        (["leaderboard", "--device", "pi9"], "pi9"),
        (["leaderboard", "--regime", "tepid"], "regime: expected burst or sustained, got 'tepid'"),
        (["run", "show", "abc"], "abc"),
        (["run", "list", "--study", "7"], "7"),
        (["run", "list", "--device", "pi9"], "pi9"),
        (["model", "show", "yolo"], "yolo"),
        (["device", "show", "pi9"], "pi9"),
        (["device", "probe", "pi9"], "pi9"),
        (["device", "doctor", "pi9"], "pi9"),
        (["device", "drain", "pi9"], "pi9"),
        (["device", "resume", "pi9"], "pi9"),
        (["device", "remove", "pi9"], "pi9"),
        (["export", "7", "folder"], "7"),
        (["report", "7"], "7"),
        (["simulate", "pi9-icecream"], "pi9-icecream"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_nothing_answers_to(complain: Bad, arguments: list[str], complaint: str, tmp_path: Path) -> None:
    assert complaint in complain(*arguments)
    assert not (tmp_path / "folder").exists()
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "expected either --ssh user@host[:port] or --local"),
        (["--ssh", "pi@host", "--local"], "expected either --ssh"),
        (["--ssh", "host"], "user@host"),
        (["--ssh", "pi@host:ssh"], "user@host"),
        (["--ssh", "pi@host", "--label", "fan"], "--label fan: expected NAME=VALUE"),
        (["--ssh", "pi@host", "--wheelhouse", "magic"], "--wheelhouse: expected auto, online or pushed, got 'magic'"),
    ],
)
def test_a_device_that_is_described_wrongly(complain: Bad, options: list[str], complaint: str) -> None:
    assert complaint in complain("device", "add", "attic", *options)


def test_a_device_name_that_is_taken(complain: Bad) -> None:
    assert "device: 'pi5-kitchen' exists" in complain("device", "add", "pi5-kitchen", "--local")


def test_a_device_that_has_work_to_do_is_not_removed(pifarm: Pifarm, complain: Bad) -> None:
    assert pifarm("submit", "yolov9-c").exit_code == 0
    assert "runs wait for pi5-kitchen; cancel their studies first" in complain("device", "remove", "pi5-kitchen")


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_an_unreachable_host(complain: Bad, closed_port: int) -> None:
    said = complain("device", "add", "attic", "--ssh", f"pi@127.0.0.1:{closed_port}")
    assert f"127.0.0.1:{closed_port}" in said


@pytest.fixture(scope="module")
def board_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulated board."""
    with simulated_boards(tmp_path_factory.mktemp("boards"), ["pi5-active-cooler"], []) as (board,):
        yield str(board.address)


@pytest.mark.integration
def test_a_wrong_fingerprint(complain: Bad, board_address: str) -> None:
    wrong = "SHA256:" + "A" * 43
    said = complain("device", "add", "attic", "--ssh", board_address, "--fingerprint", wrong)
    assert said.startswith("error: --fingerprint: ")
    assert wrong in said


@pytest.mark.integration
def test_a_fingerprint_that_is_none(complain: Bad, board_address: str) -> None:
    said = complain("device", "add", "attic", "--ssh", board_address, "--fingerprint", "abc")
    assert "fingerprint: expected SHA256:<43 base64 characters>, got 'abc'" in said


def test_a_state_home_that_cannot_be_written(pifarm: Pifarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PIFARM_HOME", str(blocked / "home"))
    ended = pifarm("study", "list")
    assert (ended.exit_code, ended.out) == (2, "")
    assert "set PIFARM_HOME to a folder that you may write" in ended.err


def test_a_database_that_cannot_be_written(pifarm: Pifarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "pifarm.db").mkdir()
    monkeypatch.setenv("PIFARM_HOME", str(tmp_path / "new"))
    ended = pifarm("study", "list")
    assert (ended.exit_code, ended.out) == (2, "")
    assert "database: cannot write" in ended.err


def test_a_database_of_a_newer_version(pifarm: Pifarm, database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for arguments in (["submit", "yolov9-c"], ["study", "list", "--json"], ["db", "upgrade"], ["worker"]):
        before = pifarm.dump()
        ended = pifarm(*arguments)
        assert (ended.exit_code, ended.out) == (2, "")
        assert "at revision 9999, which is newer" in ended.err
        assert pifarm.dump() == before


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PIFARM_DASHBOARD_PORT", "high", "dashboard_port"),
        ("PIFARM_DATABASE_URL", "nonsense", "database_url: expected e.g. sqlite"),
    ],
)
def test_a_setting_that_is_wrong(
    complain: Bad, monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint in complain("study", "list")


def test_a_settings_file_that_cannot_be_read(pifarm: Pifarm) -> None:
    (pifarm.home / "pifarm.toml").write_text("dashboard_port ==", encoding="utf-8")
    ended = pifarm("study", "list")
    assert (ended.exit_code, ended.out) == (2, "")
    assert "pifarm.toml" in ended.err


def test_an_export_into_a_folder_that_has_something_in_it(pifarm: Pifarm, complain: Bad, tmp_path: Path) -> None:
    assert pifarm("submit", "yolov9-c").exit_code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose", encoding="utf-8")
    complain("export", "1", "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "show", "first"],
        ["study", "show", str(2**70)],
        ["study", "cancel", str(2**70)],
        ["leaderboard", str(2**70)],
        ["run", "list", "--study", str(2**70)],
        ["submit"],
        ["submit", "yolov9-c", "--blocks", "many"],
        ["submit", "yolov9-c", "--priority", str(2**70)],
        ["fly"],
        ["device", "add"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_cannot_be_read(pifarm: Pifarm, arguments: list[str]) -> None:
    before = pifarm.dump()
    ended = pifarm(*arguments)
    assert (ended.exit_code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert pifarm.dump() == before
