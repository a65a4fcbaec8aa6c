"""The agent's door: one answer line, whatever a library prints; the probe; and how fast it is."""

import os
import shutil
import signal
import subprocess
import zipapp
from pathlib import Path

import pytest

from agent.bundle import measuring_hash
from agent.wire.answers import Answer, RefusedBecause
from agent.wire.codec import loads
from agent.wire.records import Environment
from agent.wire.spec import Fence, Gate
from tests.agent.board import Board
from tests.agent.specs import BUNDLE_HASH, make_spec, short_protocol
from tests.agent.trees import PiTree

pytestmark = pytest.mark.integration
CRASHING = "import os, signal\n\n\ndef open_runtime():\n    os.kill(os.getpid(), signal.SIGILL)\n"
CHATTY = """
import os
from agent.runtimes.scripted import ScriptedRuntime

print("hello from a library")
os.write(1, b"{}" * 100 + b"\\n")


def open_runtime():
    os.write(1, b"and from its native code\\n" * 5000)
    return ScriptedRuntime()
"""
MISSING = "import nosuchmodule\n"


@pytest.fixture
def extended(board: Board, bundle: Path, tmp_path: Path) -> Board:
    """The board with a bundle that holds more runtimes."""
    source = tmp_path / "source"
    shutil.unpack_archive(bundle, source, format="zip")
    for name, text in {"crashing": CRASHING, "chatty": CHATTY, "missing": MISSING}.items():
        (source / f"agent/runtimes/{name}.py").write_text(text)
    (source / "__main__.py").unlink()
    target = tmp_path / f"{BUNDLE_HASH}.pyz"
    zipapp.create_archive(source, target, main="agent.__main__:main")
    return Board(home=board.home, bundle=target)


def test_the_probe_describes_the_board(board: Board, tmp_path: Path) -> None:
    PiTree(tmp_path / "root").install_vcgencmd()
    probe = board.probe("--runtime", "onnxruntime")
    assert (probe.board, probe.board_type) == ("Raspberry Pi 5 Model B Rev 1.0", "pi5")
    assert probe.serial == "10000000abcdef12"
    assert probe.owner is None and probe.disk_free_bytes > 0
    assert set(probe.runtimes) == {"onnxruntime"} and probe.unsupported == {}
    assert probe.absent == ("ambient_c",) and probe.sources["temperature_c"] == "thermal zone cpu-thermal"


def test_a_runtime_that_dies_is_unsupported_by_its_signal(extended: Board) -> None:
    probe = extended.probe("--runtime", "crashing", "--runtime", "missing", "--runtime", "scripted")
    assert "killed by SIGILL" in probe.unsupported["crashing"]
    assert "nosuchmodule" in probe.unsupported["missing"]
    assert set(probe.runtimes) == {"scripted"}


def test_what_a_library_prints_does_not_touch_the_answer(extended: Board) -> None:
    assert set(extended.probe("--runtime", "chatty").runtimes) == {"chatty"}
    records = extended.run(make_spec(runtime="chatty"))
    assert any(isinstance(record, Environment) for record in records)


def test_the_probe_names_the_owner_and_can_hand_the_board_over(board: Board) -> None:
    board.run(make_spec(fence=Fence(farm_id="farm-a", number=7)))
    assert (board.probe().owner, board.probe().fence_number) == ("farm-a", 7)
    probe = board.probe("--take-over", "farm-b:1")
    assert (probe.owner, probe.fence_number) == ("farm-b", 1)
    assert board.refuse(make_spec("run2")).because is RefusedBecause.OWNED


def test_a_board_that_measures_does_not_change_hands(board: Board) -> None:
    gate = Gate(foreign_cpu_max=1.0, load_window_s=30.0)
    board.start(make_spec(runtime="onnxruntime", runtime_options={}, protocol=short_protocol(gate=gate)), wait_s=0)
    answer, _ = board.call("probe", "--take-over", "farm-b:1")
    assert answer.refused is not None and answer.refused.because is RefusedBecause.BUSY
    assert board.probe().owner == "farm-a"


def test_the_python_that_the_owner_names_is_said(board: Board) -> None:
    board.note(python="/somewhere/python", simulated=True)
    probe = board.probe()
    assert (probe.adopted_python, probe.simulated) == ("/somewhere/python", True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--run", "../x", "--attempt", "1"],
        ["status", "--run", "a"],
        ["status", "--run", "a", "--attempt", "one"],
        ["probe", "--take-over", "farm"],
        ["abort", "--run", "a", "--attempt", "1", "--farm", "a b", "--fence", "1"],
        ["dance"],
    ],
)  # fmt: skip
def test_unusable_arguments_are_answered_as_an_error(board: Board, arguments: list[str]) -> None:
    answer, _ = board.call(*arguments, exit_code=2)
    assert answer.error


def test_a_board_json_that_cannot_be_understood_is_said(board: Board) -> None:
    (board.home / "board.json").write_text('{"rot": "/"}')
    answer, _ = board.call("probe", exit_code=2)
    assert answer.error is not None and "rot" in answer.error


def test_the_hash_of_the_measuring_parts_is_the_same_in_and_out_of_the_bundle(board: Board) -> None:
    records = board.run(make_spec())
    environment = next(record for record in records if isinstance(record, Environment))
    assert environment.measuring_hash == measuring_hash()


def test_a_spec_for_another_bundle_is_refused_where_bundles_are_named_by_hash(board: Board, tmp_path: Path) -> None:
    named = board.home / "bundles" / f"{BUNDLE_HASH}.pyz"
    named.parent.mkdir()
    shutil.copy(board.bundle, named)
    renamed = Board(home=board.home, bundle=named)
    refused = renamed.refuse(make_spec(bundle_hash="0123456789"))
    assert refused.because is RefusedBecause.BAD_SPEC and "bundle_hash" in refused.message
    assert renamed.start(make_spec()).journal_bytes > 0


def test_the_measuring_process_has_nothing_open_for_writing_but_pipes_and_the_lock(board: Board) -> None:
    protocol = short_protocol(window_s=30, max_s=60)
    spec = make_spec(runtime="onnxruntime", runtime_options={}, main_file="slow.onnx", protocol=protocol)
    board.start(spec)
    _, measuring = board.processes(spec)
    written = [
        target
        for entry in Path(f"/proc/{measuring.pid}/fd").iterdir()
        if (target := str(entry.readlink())).startswith("/") and _may_write(measuring.pid, entry.name)
    ]
    assert set(written) <= {str(board.home / "machine.lock"), "/dev/null"}


def test_an_asker_who_hangs_up_early_does_no_harm(board: Board) -> None:
    spec = make_spec()
    board.run(spec)
    reader = subprocess.Popen(
        board.command("status", "--run", spec.run_id, "--attempt", "1"), stdout=subprocess.PIPE, cwd=board.home
    )
    assert reader.stdout is not None
    line = reader.stdout.readline()
    reader.stdout.close()
    reader.wait()
    assert loads(Answer, line).status is not None
    assert reader.returncode in (0, 1, -signal.SIGPIPE)


def _may_write(pid: int, descriptor: str) -> bool:
    flags = next(
        line.split()[1]
        for line in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines()
        if line.startswith("flags")
    )
    return bool(int(flags, 8) & (os.O_WRONLY | os.O_RDWR))
