"""This machine as a board: the same manners as over SSH, and the receiver that both share."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import DeviceError, SpecError, TransportError
from orchestrator.transport import Pushed
from orchestrator.transport.local import LocalTransport, adopt_own_python
from orchestrator.transport.pushing import Parcel, Reply
from orchestrator.transport.receiver import digest_of, receive
from tests.orchestrator.transport.conftest import Cargo, make_cargo


@pytest.fixture
def here(tmp_path: Path) -> LocalTransport:
    """This machine, with a farm folder that does not exist yet."""
    return LocalTransport(tmp_path / "farm")


def test_a_program_runs_in_the_farm_folder_with_what_it_is_given(here: LocalTransport) -> None:
    done = here.run(["sh", "-c", 'cat; pwd; echo "$1" >&2; exit 3', "sh", "it's $HOME"], stdin=b"in ")
    assert done.stdout == b"in " + str(here.folder).encode() + b"\n"
    assert (done.exit_code, done.stderr) == (3, b"it's $HOME\n")


def test_python3_is_the_interpreter_that_runs_the_orchestrator(here: LocalTransport) -> None:
    done = here.run(["python3", "-c", "import sys; print(sys.executable)"])
    assert done.stdout.decode().strip() == sys.executable


def test_a_program_that_is_not_there_ends_as_a_shell_says_it(here: LocalTransport) -> None:
    assert here.run(["no-such-program"]).exit_code == 127


def test_a_program_that_takes_too_long_is_a_transport_error(here: LocalTransport) -> None:
    with pytest.raises(TransportError, match="did not end within"):
        here.run(["sleep", "30"], timeout_s=0.2)


def test_the_agent_here_gets_this_interpreter_and_keeps_its_other_notes(tmp_path: Path) -> None:
    for _ in range(2):
        adopt_own_python(tmp_path / "farm")
    notes = tmp_path / "farm/board.json"
    assert json.loads(notes.read_text()) == {"python": sys.executable}
    notes.write_text('{"python": "/gone", "lock": "/a/lock"}')
    adopt_own_python(tmp_path / "farm")
    assert json.loads(notes.read_text()) == {"python": sys.executable, "lock": "/a/lock"}


def test_a_file_arrives_once(here: LocalTransport, cargo: Cargo) -> None:
    first = here.push(cargo.path, "artifacts/a/model", sha256=cargo.sha256)
    again = here.push(cargo.path, "artifacts/a/model", sha256=cargo.sha256)
    assert (first.sent_bytes, again.sent_bytes) == (cargo.size_bytes, 0)
    assert first.complete and again.complete
    assert digest_of(here.folder / "artifacts/a/model") == cargo.sha256
    assert [path.name for path in (here.folder / "artifacts/a").iterdir()] == ["model"]


def test_a_slice_without_time_sends_nothing_and_says_so(here: LocalTransport, cargo: Cargo) -> None:
    assert here.push(cargo.path, "model", sha256=cargo.sha256, slice_s=0) == Pushed(sent_bytes=0, complete=False)


def test_only_what_is_missing_is_sent(here: LocalTransport, cargo: Cargo) -> None:
    seen: list[tuple[int, int]] = []
    here.folder.mkdir()
    (here.folder / "model.part").write_bytes(cargo.path.read_bytes()[:100_000])
    pushed = here.push(cargo.path, "model", sha256=cargo.sha256, progress=lambda *at: seen.append(at))
    assert pushed == Pushed(sent_bytes=200_000, complete=True)
    assert seen[-1] == (cargo.size_bytes, cargo.size_bytes)


@pytest.mark.parametrize("size_bytes", [1, 300_000, 400_000])
def test_a_part_of_something_else_is_replaced(here: LocalTransport, cargo: Cargo, size_bytes: int) -> None:
    here.folder.mkdir()
    (here.folder / "model.part").write_bytes(b"x" * size_bytes)
    assert here.push(cargo.path, "model", sha256=cargo.sha256).complete
    assert digest_of(here.folder / "model") == cargo.sha256


def test_a_target_that_was_changed_on_the_board_is_sent_anew(here: LocalTransport, cargo: Cargo) -> None:
    here.push(cargo.path, "model", sha256=cargo.sha256)
    (here.folder / "model").write_bytes(b"y" * cargo.size_bytes)
    assert here.push(cargo.path, "model", sha256=cargo.sha256).sent_bytes == cargo.size_bytes


def test_a_source_that_changed_since_it_was_hashed_is_the_users_to_mend(here: LocalTransport, cargo: Cargo) -> None:
    with pytest.raises(SpecError, match="add it again"):
        here.push(cargo.path, "model", sha256="0" * 64)
    assert list(here.folder.iterdir()) == []


@pytest.mark.parametrize("target", ["../escape", "/absolute", "a//b", ""])
def test_a_target_outside_the_farm_folder_is_refused(here: LocalTransport, cargo: Cargo, target: str) -> None:
    with pytest.raises(SpecError, match="relative name"):
        here.push(cargo.path, target, sha256=cargo.sha256)


class Dripping:
    """A stream that gives what it is told in pieces of any size, and then ends."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        self._pieces = self._cut(data, cuts)

    def read1(self, size: int, /) -> bytes:
        """The next piece, never more than asked for."""
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece

    @staticmethod
    def _cut(data: bytes, cuts: list[int]) -> Iterator[bytes]:
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        return iter([data[a:b] for a, b in pairwise(edges)])


class Board:
    """A receiver's folder, and what it said."""

    def __init__(self, folder: Path, cargo: Cargo) -> None:
        self.target = folder / "model"
        self._cargo = cargo
        self.said: list[dict[str, object]] = []

    def take(self, first: int, last: int, cuts: list[int]) -> Self:
        """Receive the bytes from `first` to `last`."""
        stream = Dripping(self._cargo.path.read_bytes()[first:last], cuts)
        receive(self.target, self._cargo.size_bytes, self._cargo.sha256, stream, self.said.append)
        return self


@pytest.mark.parametrize("name", ["receiver.py", "errand.py"])
def test_what_is_sent_to_a_board_is_understood_by_an_old_python(name: str) -> None:
    text = resources.files("orchestrator.transport").joinpath(name).read_text("utf-8")
    ast.parse(text, feature_version=(3, 7))
    imported = re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE)
    assert set(imported) - {"__future__"} <= sys.stdlib_module_names | {"importlib.util"}


@given(cuts=st.lists(st.integers(0, 2000), max_size=5), at=st.integers(0, 1000))
def test_a_file_cut_anywhere_arrives_whole_in_two_pieces(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], at: int
) -> None:
    cargo = make_cargo(tmp_path_factory.mktemp("cut") / "cargo", 1000)
    board = Board(tmp_path_factory.mktemp("board"), cargo).take(0, at, cuts).take(at, 1000, cuts)
    assert digest_of(board.target) == cargo.sha256
    assert board.said[-1] == {"complete": True}
    assert at == 1000 or {"have": at} in board.said


def test_a_receiver_that_a_broken_connection_left_behind_cannot_spoil_the_file(tmp_path: Path) -> None:
    cargo = make_cargo(tmp_path / "cargo", 1000)
    data = cargo.path.read_bytes()
    board = Board(tmp_path / "board", cargo)

    class LeftBehind:
        def __init__(self) -> None:
            self.pieces = iter([data[:400], data[400:500]])

        def read1(self, size: int, /) -> bytes:
            piece = next(self.pieces, b"")
            if piece == data[400:500]:  # what was still on its way arrives after the file was completed
                board.take(400, 1000, [])
            return piece

    receive(board.target, 1000, cargo.sha256, LeftBehind(), board.said.append)
    assert digest_of(board.target) == cargo.sha256


def test_no_space_says_how_much_there_is(tmp_path: Path) -> None:
    parcel = Parcel(source=tmp_path, target="model", size_bytes=10**18, sha256="0" * 64)
    said: list[dict[str, object]] = []
    receive(tmp_path / "model", parcel.size_bytes, parcel.sha256, Dripping(b"", []), said.append)
    with pytest.raises(DeviceError, match="no space on the board"):
        Reply.of(said[0], parcel)


@pytest.mark.parametrize("line", [b"", b"Traceback (most recent call last)", b'{"have": -1}', b"[]", b"\xff"])
def test_nonsense_from_a_receiver_is_the_boards_fault(tmp_path: Path, line: bytes) -> None:
    parcel = Parcel(source=tmp_path, target="model", size_bytes=10, sha256="0" * 64)
    with pytest.raises(DeviceError, match="the board's receiver said"):
        Reply.parse(line, parcel)
