"""Bad input: exit code 2, one line that says what is wrong and what to do, and nothing half done."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.db.session import Database
from orchestrator.demo import demo_variants
from orchestrator.simulator.farm import simulated_boards
from tests.cli.conftest import Bad, Pifarm

VARIANTS = {variant.label: variant.path for variant in demo_variants()}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--device", "pi9"], "device: 'pi9' is unknown; there are pi5-kitchen"),
        (["--variant", "fp16"], "variant: yolov9-c has no 'fp16'; it has fp32, int8"),
        (["--where", "cooling=water"], "labels in use: cooling=fan"),
        (["--where", "cooling"], "--where cooling: expected NAME=VALUE"),
        (["--protocol", "slow"], "protocol: expected one of quick, standard, sustained, sweep, demo"),
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
        (["leaderboard", "--regime", "tepid"], "regime: expected one of burst, sustained, sweep, got 'tepid'"),
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
