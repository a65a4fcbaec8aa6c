"""A simulated board is heated by what its active run really uses, and by nothing else."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from orchestrator.errors import SpecError
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.farm import SimulatedBoard, board_names, run_simulator, simulated_boards
from orchestrator.simulator.process import simulator_process
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport

BURN = "import sys; print(flush=True)\nwhile True: pass"
LONG_ENOUGH_S = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again until it is so; fails the test where it never is."""
    deadline_s = time.monotonic() + LONG_ENOUGH_S
    pause = threading.Event()
    while not condition():
        pause.wait(0.1)
        assert time.monotonic() < deadline_s, "it did not happen"


@pytest.fixture
def body(tmp_path: Path) -> Iterator[BoardBody]:
    """A board without a network, switched on; of the kind that warms fastest."""
    body = BoardBody(tmp_path / "home", "zero2w", board_kind("zero2w"))
    body.power_on()
    yield body
    body.power_off()


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that uses one core of this machine."""
    with subprocess.Popen([sys.executable, "-c", BURN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def claim(body: BoardBody, process: subprocess.Popen[bytes]) -> None:
    """Make a process the measuring process of a run on the board, whose agent is gone already."""
    run = body.farm_folder / "runs" / "study-1.1"
    run.mkdir(parents=True)
    gone = subprocess.Popen(["true"])
    gone.wait()
    roles = {"agent": {"pid": gone.pid, "started": "1"}, "measuring": {"pid": process.pid, "started": "2"}}
    (run / "claim.json").write_text(json.dumps(roles))


def shown_c(body: BoardBody) -> float:
    """What the kernel of the board says its temperature is."""
    return int((body.home / "board/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000


@pytest.mark.integration
def test_a_board_warms_under_the_load_of_its_run_and_cools_after(
    body: BoardBody, burner: subprocess.Popen[bytes]
) -> None:
    start_c = body.die.junction_c
    claim(body, burner)

    def has_warmed() -> bool:
        body.tick()
        return body.die.junction_c > start_c + 1

    wait_until(has_warmed)
    assert shown_c(body) == pytest.approx(body.die.junction_c, abs=2)
    assert body.die.clock_hz == body.kind.silicon.max_hz
    burner.kill()
    hot_c = body.die.junction_c

    def has_cooled() -> bool:
        body.tick()
        return body.die.junction_c < hot_c - 0.4

    wait_until(has_cooled)


@pytest.mark.integration
def test_a_process_that_belongs_to_no_run_does_not_warm_it(body: BoardBody, burner: subprocess.Popen[bytes]) -> None:
    before = psutil.Process(burner.pid).cpu_times().user
    wait_until(lambda: psutil.Process(burner.pid).cpu_times().user > before + 0.3)
    body.tick()
    assert body.die.power_w == pytest.approx(body.kind.silicon.idle_w, rel=0.02)


@pytest.mark.integration
def test_a_claim_older_than_the_process_with_its_number_means_another_one(
    body: BoardBody, burner: subprocess.Popen[bytes]
) -> None:
    claim(body, burner)
    run = body.farm_folder / "runs" / "study-1.1" / "claim.json"
    os.utime(run, (0, 0))
    wait_until(lambda: psutil.Process(burner.pid).cpu_times().user > 0.3)
    body.tick()
    assert body.die.power_w == pytest.approx(body.kind.silicon.idle_w, rel=0.02)


def test_a_board_tells_its_agent_what_it_is(body: BoardBody) -> None:
    notes = json.loads((body.farm_folder / "board.json").read_text())
    assert notes["simulated"] is True
    assert (notes["root"], notes["python"]) == (str(body.home / "board"), sys.executable)
    assert notes["board"]["serial"] == body.serial


def test_specimens_differ_but_each_stays_itself(tmp_path: Path) -> None:
    kind = board_kind("pi4-bare")
    first, again, other = (BoardBody(tmp_path, name, kind) for name in ("one", "one", "two"))
    assert first.kind == again.kind and first.serial == again.serial
    assert first.kind != other.kind and first.serial != other.serial
    assert other.kind.silicon.load_w == pytest.approx(kind.silicon.load_w, rel=0.09)


def test_boards_of_one_kind_are_numbered() -> None:
    assert board_names(["pi3b", "pi4-bare", "pi3b", "pi3b"]) == ["pi3b", "pi4-bare", "pi3b-2", "pi3b-3"]


@pytest.fixture
def boards(tmp_path: Path, farm_key: FarmKey) -> Iterator[list[SimulatedBoard]]:
    """Two boards on the network."""
    with simulated_boards(tmp_path / "boards", ["pi5-bare", "zero2w"], [farm_key.public_line]) as boards:
        yield boards


@pytest.fixture(scope="session")
def farm_key(tmp_path_factory: pytest.TempPathFactory) -> FarmKey:
    """The farm's key pair."""
    return FarmKey.in_folder(tmp_path_factory.mktemp("key"))


def way_to(board: SimulatedBoard, farm_key: FarmKey) -> SshTransport:
    """A way to a simulated board."""
    return SshTransport(board.address, key_file=farm_key.private_file, host_key=str(board.host_key))


@pytest.mark.ssh
def test_the_folder_says_where_the_boards_are(boards: list[SimulatedBoard]) -> None:
    told = json.loads((boards[0].home.parent / "boards.json").read_text())
    assert [each["ssh"] for each in told] == [str(board.address) for board in boards]
    assert [each["fingerprint"] for each in told] == [board.host_key.fingerprint for board in boards]
    assert len({board.host_key for board in boards}) == 2


@pytest.mark.ssh
def test_a_reboot_ends_what_ran_detached_and_changes_the_boot_id(
    boards: list[SimulatedBoard], farm_key: FarmKey
) -> None:
    board = boards[0]
    way = way_to(board, farm_key)
    script = "(setsid sh -c 'echo $$ >pid; exec sleep 600') </dev/null >/dev/null 2>&1 & while [ ! -s pid ]; do :; done"
    way.run(["sh", "-c", script])
    pid = int((board.home / ".pifarm/pid").read_text())
    notes = board.home / ".pifarm/board.json"
    before = json.loads(notes.read_text())["board"]["boot_id"]
    board.reboot()
    assert not psutil.pid_exists(pid)
    assert json.loads(notes.read_text())["board"]["boot_id"] != before
    assert way.run(["cat", "pid"]).stdout.decode().strip() == str(pid)
    way.close()


@pytest.mark.ssh
def test_files_come_and_go_by_sftp_below_the_same_home(
    boards: list[SimulatedBoard], farm_key: FarmKey, tmp_path: Path
) -> None:
    address = boards[0].address
    known = tmp_path / "known_hosts"
    known.write_text(f"[{address.host}]:{address.port} {boards[0].host_key}\n")

    async def bring_and_fetch() -> None:
        (tmp_path / "out").write_bytes(b"by sftp")
        async with (
            asyncssh.connect(
                address.host,
                address.port,
                username=address.user,
                client_keys=[str(farm_key.private_file)],
                known_hosts=str(known),
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            await sftp.put(str(tmp_path / "out"), ".pifarm/brought")
            await sftp.get(".pifarm/brought", str(tmp_path / "back"))

    asyncio.run(bring_and_fetch())
    assert (boards[0].home / ".pifarm/brought").read_bytes() == b"by sftp"
    assert (tmp_path / "back").read_bytes() == b"by sftp"


@pytest.mark.ssh
def test_boards_keep_their_host_keys_from_one_start_to_the_next(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with simulated_boards(tmp_path, ["zero2w"], []) as boards:
            keys.append(boards[0].host_key)
    assert keys[0] == keys[1]


@pytest.mark.ssh
def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SpecError, match=f"zero2w: cannot listen at port {port}"):
            run_simulator(tmp_path, ["zero2w"], [], port_base=port)


@pytest.mark.ssh
def test_a_simulator_process_ends_with_its_starter(tmp_path: Path, farm_key: FarmKey) -> None:
    with simulator_process(tmp_path, ["zero2w"], [farm_key.public_line]) as notices:
        notice = notices[0]
        way = SshTransport(notice.address, key_file=farm_key.private_file, host_key=str(notice.host_key))
        assert way.run(["vcgencmd", "measure_clock", "arm"]).stdout.startswith(b"frequency(45)=")
        way.close()
    assert not _answers(notice.address.host, notice.address.port)


@pytest.mark.ssh
def test_a_simulator_process_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from orchestrator.simulator.process import simulator_process\n"
        "with simulator_process(Path(sys.argv[1]), ['zero2w'], []) as notices:\n"
        "    print(notices[0].address.port, flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        assert _answers("127.0.0.1", port)
        starter.send_signal(signal.SIGKILL)
    wait_until(lambda: not _answers("127.0.0.1", port))


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True
