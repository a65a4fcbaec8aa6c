"""The measuring process of a real run, looked at from outside: what it has given up before it opens a model."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import agent
from agent.isolation import Network, network_here
from agent.processes import ProcessId, rss_bytes
from agent.wire.records import Environment, Fault, Loaded, Outcome
from agent.wire.spec import Limits
from tests.agent.board import Board, ended, kill, wait_for, wait_gone
from tests.agent.specs import make_spec, short_protocol

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"  # that anybody may run, unlike one in somebody's home
LONG = short_protocol(window_s=60, max_s=120)
MiB = 2**20


@pytest.fixture
def measuring(board: Board) -> ProcessId:
    """The measuring process of a run, past its load."""
    spec = make_spec(protocol=LONG)
    board.start(spec)
    return board.processes(spec)[1]


def status_of(process: ProcessId) -> dict[str, str]:
    """``/proc/PID/status`` by name."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limit_of(process: ProcessId, name: str) -> str:
    """The soft limit of a process."""
    text = Path(f"/proc/{process.pid}/limits").read_text()
    found = re.search(rf"^{name}\s+(\S+)", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_it_has_no_network_where_the_board_allows_it(board: Board, measuring: ProcessId) -> None:
    own, its = (Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", measuring.pid))
    assert (own != its) is (network_here() is Network.NONE)
    interfaces = Path(f"/proc/{measuring.pid}/net/dev").read_text().splitlines()[2:]
    assert own == its or [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_it_keeps_no_rights_and_gains_none(measuring: ProcessId) -> None:
    status = status_of(measuring)
    assert status["NoNewPrivs"] == "1"
    assert network_here() is Network.HOST or int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0


def test_it_leaves_no_core_and_is_the_first_that_the_kernel_takes(measuring: ProcessId) -> None:
    assert limit_of(measuring, "Max core file size") == "0"
    assert int(limit_of(measuring, "Max open files")) <= 1024
    assert Path(f"/proc/{measuring.pid}/oom_score_adj").read_text().strip() == "800"


def test_what_it_writes_is_private_and_lies_in_its_own_folder(board: Board, measuring: ProcessId) -> None:
    assert status_of(measuring)["Umask"] == "0077"
    folder = Path(f"/proc/{measuring.pid}/cwd").readlink()
    assert folder == board.home / "runs" / "run1.1" / "work"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_it_knows_nothing_of_the_agents_environment(board: Board) -> None:
    board.environment["PIFARM_SECRET"] = "hidden"
    spec = make_spec(protocol=LONG)
    board.start(spec)
    words = Path(f"/proc/{board.processes(spec)[1].pid}/environ").read_bytes().split(b"\0")
    names = {word.partition(b"=")[0].decode() for word in words if word}
    assert names == {"PATH", "LC_ALL", "HOME", "TMPDIR", "ORT_DISABLE_TELEMETRY"}


def test_it_inherits_its_pipes_and_the_lock_and_nothing_else(board: Board, measuring: ProcessId) -> None:
    links = [str(path.readlink()) for path in Path(f"/proc/{measuring.pid}/fd").iterdir()]
    others = [link for link in links if not link.startswith("pipe:") and link not in ("/dev/null", str(board.bundle))]
    assert others == [str(board.home / "scripted.lock")]


def test_it_dies_with_its_agent_and_can_be_watched(board: Board) -> None:
    spec = make_spec(protocol=LONG)
    board.start(spec)
    agent, process = board.processes(spec)
    assert (rss_bytes(process.pid) or 0) > MiB
    kill(agent)
    wait_gone(process)


def test_the_record_says_what_it_could_reach_and_use(board: Board) -> None:
    limits = Limits(wall_s=60, rss_bytes=500 * MiB, journal_bytes=4 * MiB)
    facts = next(r for r in board.run(make_spec(limits=limits)) if isinstance(r, Environment)).facts
    assert facts["network"] == network_here().value
    assert (facts["limit_wall_s"], facts["limit_rss_bytes"]) == (60.0, 500 * MiB)


def test_files_that_only_their_owner_may_read_are_still_read(board: Board) -> None:
    (board.artifact / "model.onnx").chmod(0o600)
    records = board.run(make_spec(runtime="onnxruntime", runtime_options={}))
    assert ended(records).outcome is Outcome.COMPLETED
    assert any(isinstance(record, Loaded) for record in records)


@pytest.mark.skipif(os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists(), reason="only root can be somebody else")
def test_somebody_who_is_not_root_is_isolated_watched_and_ended_too() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        package = shutil.make_archive(f"{folder}/agent", "zip", Path(agent.__path__[0]).parent, "agent")
        Path(package).chmod(0o644)
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", _AS_NOBODY], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True,
            text=True, check=False, timeout=30, env={"PYTHONPATH": package},
        )  # fmt: skip
    assert done.stdout.split() == ["same" if network_here() is Network.HOST else "own", "watched", "ended"], done.stderr


_AS_NOBODY = """
import os, signal, time
from agent.isolation import isolate, network_here
from agent.measure import _die_with
from agent.processes import identify, is_alive, rss_bytes
heard, said = os.pipe()
if (middle := os.fork()) == 0:
    parent = os.getpid()
    if (pid := os.fork()) == 0:
        isolate(network_here())
        _die_with(parent)
        os.write(said, b"%d " % os.getpid())
        time.sleep(60)
    time.sleep(60)
child = identify(int(os.read(heard, 64)))
namespace = os.readlink(f"/proc/{child.pid}/ns/net")
print("own" if namespace != os.readlink("/proc/self/ns/net") else "same")
print("watched" if (rss_bytes(child.pid) or 0) > 1_000_000 else "unseen")
os.kill(middle, signal.SIGKILL)
os.waitpid(middle, 0)
give_up = time.monotonic() + 5
while is_alive(child) and time.monotonic() < give_up:
    time.sleep(0.01)
print("alive" if is_alive(child) else "ended")
"""


def test_without_what_it_needs_the_network_stays(tmp_path: Path) -> None:
    assert network_here((tmp_path / "not there",)) is Network.HOST


@pytest.mark.parametrize(
    ("options", "limits", "code"),
    [
        ({"hold_bytes": 300 * MiB, "load_ms": 20_000.0}, Limits(wall_s=60, rss_bytes=150 * MiB), "memory_limit"),
        ({"load_ms": 60_000.0}, Limits(wall_s=0.8), "wall_limit"),
        ({"crash_at": 0, "crash_signal": "SIGSEGV"}, Limits(wall_s=60), "crashed:SIGSEGV"),
    ],
)
def test_a_model_that_hangs_crashes_or_swells_ends_its_run_alone(
    board: Board, options: dict[str, object], limits: Limits, code: str
) -> None:
    spec = make_spec(runtime_options=options, limits=limits)
    end = ended(board.run(spec))
    assert (end.outcome, end.code) == (Outcome.FAILED, code)
    assert end.fault in (Fault.MODEL, Fault.SPEC)
    assert ended(board.run(make_spec("run2"))).outcome is Outcome.COMPLETED


def test_a_model_that_swells_between_two_looks_of_telemetry_is_ended(board: Board) -> None:
    protocol = short_protocol(window_s=0.3)
    spec = make_spec(
        protocol=protocol,
        limits=Limits(wall_s=60, rss_bytes=100 * MiB),
        runtime_options={"hold_bytes": 200 * MiB, "load_ms": 30_000.0},
    )
    board.start(spec, wait_s=0)
    wait_for(lambda: board.folder(spec).end_record())
    assert ended(board.finish(spec)).code == "memory_limit"
