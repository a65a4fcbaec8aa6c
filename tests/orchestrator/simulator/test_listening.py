"""Where `pifarm simulate` listens, whom it lets in, and what it tells others to connect to."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import SpecError, TransportError
from orchestrator.simulator.farm import reachable_name
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A running `pifarm simulate` of one board. `told` is the command by which it says that the board is added."""

    process: psutil.Process
    told: list[str]

    @property
    def address(self) -> SshAddress:
        """What it says the board's address is."""
        return SshAddress.parse(self.told[self.told.index("--ssh") + 1])

    @property
    def listens_at(self) -> set[str]:
        """The addresses that it really listens at."""
        return {each.laddr.ip for each in self.process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}

    def lets_in(self, key: FarmKey) -> bool:
        """Whether the holder of a key may run programs, over loopback."""
        address = SshAddress(user="pi", host="127.0.0.1", port=self.address.port)
        way = SshTransport(address, key_file=key.private_file, host_key=self.told[self.told.index("--fingerprint") + 1])
        try:
            return way.run(["true"]).exit_code == 0
        except TransportError:
            return False
        finally:
            way.close()


@contextmanager
def simulator(home: Path, *options: str) -> Iterator[Simulator]:
    """A simulator that has said how to add its board."""
    command = [sys.executable, "-m", "orchestrator", "simulate", "pi5-bare", *options]
    environment = {**os.environ, "PIFARM_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None
            yield Simulator(process=psutil.Process(child.pid), told=child.stderr.readline().split())
        finally:
            child.terminate()
            child.wait(20)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The state home of the simulator."""
    return tmp_path / "home"


@pytest.mark.ssh
def test_nobody_else_reaches_a_board_that_was_not_told_to_listen(home: Path) -> None:
    with simulator(home) as board:
        assert board.listens_at == {"127.0.0.1"}
        assert board.address.host == "127.0.0.1"
        assert board.told[:4] == ["pifarm", "device", "add", "pi5-bare"]
        assert board.lets_in(FarmKey.in_folder(home / "keys"))


@pytest.mark.ssh
def test_a_board_for_others_listens_everywhere_and_is_called_by_the_machines_name(home: Path, tmp_path: Path) -> None:
    other, stranger = (FarmKey.in_folder(tmp_path / name) for name in ("other", "stranger"))
    keys = tmp_path / "authorized"
    keys.write_text(f"# another farm's\n\n{other.public_line}\n")
    with simulator(home, "--bind", "0.0.0.0", "--authorized-keys", str(keys)) as board:
        assert board.listens_at == {"0.0.0.0"}
        assert board.address.host == socket.gethostname()
        assert board.lets_in(other)
        assert not board.lets_in(stranger)
    assert not (home / "keys").exists(), "it needs no key of its own"
    assert not (home / "pifarm.db").exists(), "nor a database"


@pytest.mark.parametrize(("bind", "name"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("192.0.2.7", "192.0.2.7")])
def test_a_board_is_called_by_the_address_that_it_listens_at(bind: str, name: str) -> None:
    assert reachable_name(bind) == name


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_where_it_listens_everywhere_by_this_machines_name(bind: str) -> None:
    assert reachable_name(bind) == socket.gethostname()


@pytest.mark.parametrize("bind", ["", "shelf", "127.0.0.1:22"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    with pytest.raises(SpecError, match="bind: expected an address"):
        reachable_name(bind)
