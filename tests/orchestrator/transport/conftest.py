"""A farm's key, a simulated board that knows it, and a file to push."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport

PASSWORD = "raspberry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    """A file with its hash."""

    path: Path
    sha256: str
    size_bytes: int


def make_cargo(path: Path, size_bytes: int) -> Cargo:
    """A file of that size, always the same bytes."""
    data = random.Random(size_bytes).randbytes(size_bytes)
    path.write_bytes(data)
    return Cargo(path=path, sha256=hashlib.sha256(data).hexdigest(), size_bytes=size_bytes)


@pytest.fixture
def cargo(tmp_path: Path) -> Cargo:
    """A file of 300 kB."""
    return make_cargo(tmp_path / "cargo", 300_000)


@pytest.fixture(scope="session")
def farm_key(tmp_path_factory: pytest.TempPathFactory) -> FarmKey:
    """The farm's key pair."""
    return FarmKey.in_folder(tmp_path_factory.mktemp("key"))


@pytest.fixture
def board(tmp_path: Path, farm_key: FarmKey) -> Iterator[SimulatedBoard]:
    """A simulated board that lets the farm in, and anybody with the password."""
    with simulated_boards(tmp_path / "boards", ["pi4-bare"], [farm_key.public_line], password=PASSWORD) as boards:
        yield boards[0]


@pytest.fixture
def transport(board: SimulatedBoard, farm_key: FarmKey) -> Iterator[SshTransport]:
    """A way to the board, its host key pinned."""
    way = SshTransport(board.address, key_file=farm_key.private_file, host_key=str(board.host_key))
    yield way
    way.close()
