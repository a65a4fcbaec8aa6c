"""Logs: of bounded size whoever writes them, in order, read as one across their pieces."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.supervisor.follow import Follower, last_lines
from orchestrator.supervisor.rotation import LogFile

Make = Callable[..., LogFile]
WRITER = """
import os
for number in range(30000):
    os.write(1, f"line {number}\\n".encode())
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda max_bytes=100, backups=3: LogFile(path=tmp_path / "a.log", max_bytes=max_bytes, backups=backups)


def write(log: LogFile, text: str) -> None:
    descriptor = log.open()
    os.write(descriptor, text.encode())
    os.close(descriptor)


def test_a_writer_goes_on_at_the_beginning_of_the_emptied_file(make: Make) -> None:
    log = make()
    descriptor = log.open()
    os.write(descriptor, b"x" * 100)
    assert log.rotate_if_large()
    os.write(descriptor, b"new\n")
    os.close(descriptor)
    assert log.path.read_bytes() == b"new\n"
    assert log.path.with_name("a.log.1").read_bytes() == b"x" * 100


def test_a_small_log_stays(make: Make) -> None:
    log = make()
    assert not log.rotate_if_large(), "there is none"
    write(log, "x" * 99)
    assert not log.rotate_if_large()
    assert log.pieces() == [log.path]


def test_the_oldest_piece_goes(make: Make) -> None:
    log = make(backups=2)
    for number in range(5):
        write(log, f"{number}" * 100)
        assert log.rotate_if_large()
    assert [piece.read_text(encoding="utf-8")[0] for piece in log.pieces()[:-1]] == ["3", "4"]


def test_without_backups_a_large_log_is_emptied(make: Make) -> None:
    log = make(backups=0)
    write(log, "x" * 100)
    assert log.rotate_if_large()
    assert log.pieces() == [log.path]
    assert log.path.read_bytes() == b""


def test_a_log_that_grew_out_of_hand_keeps_only_its_end(make: Make) -> None:
    log = make()
    write(log, "x" * 10_000 + "the end")
    log.rotate_if_large()
    kept = log.path.with_name("a.log.1").read_text(encoding="utf-8")
    assert len(kept) == 200
    assert kept.endswith("the end")


def test_every_piece_is_its_owners_alone_even_where_it_was_not(make: Make) -> None:
    log = make()
    log.path.touch(mode=0o644)
    write(log, "x" * 100)
    log.rotate_if_large()
    assert {stat.S_IMODE(piece.stat().st_mode) for piece in log.pieces()} == {0o600}


@given(st.lists(st.text("ab\n", min_size=1, max_size=40), max_size=20), st.integers(1, 200))
def test_what_was_written_and_kept_is_what_is_read(texts: list[str], most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(path=Path(folder) / "a.log", max_bytes=50, backups=50)
        for text in texts:
            write(log, text)
            log.rotate_if_large()
        whole = "".join(piece.read_text(encoding="utf-8") for piece in log.pieces())
        assert whole == "".join(texts)


@pytest.mark.integration
def test_a_process_that_writes_without_end_fills_no_disk_and_keeps_its_order(make: Make) -> None:
    log = make(max_bytes=20_000, backups=2)
    output = log.open()
    rotations = 0
    with subprocess.Popen([sys.executable, "-S", "-c", WRITER], stdout=output) as writer:
        while writer.poll() is None:
            rotations += log.rotate_if_large()
    os.close(output)
    assert rotations > 2
    numbers = []
    for piece in log.pieces():
        lines = piece.read_text(encoding="utf-8").splitlines()[1:-1]  # those at the ends may have been cut
        assert all(line.startswith("line ") for line in lines)
        numbers += [int(line.removeprefix("line ")) for line in lines]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 29_000
    assert sum(piece.stat().st_size for piece in log.pieces()[:-1]) <= 4 * 20_000


def test_the_last_lines_reach_back_into_older_pieces(make: Make) -> None:
    log = make(max_bytes=10)
    for number in range(4):
        write(log, f"{number} abcdefgh\n")
        log.rotate_if_large()
    write(log, "now\n")
    assert last_lines(log, 3) == ["2 abcdefgh", "3 abcdefgh", "now"]


def test_a_follower_gives_new_whole_lines_across_a_rotation(make: Make) -> None:
    log = make(max_bytes=10)
    write(log, "old\n")
    follower = Follower(path=log.path)
    assert follower.new_lines() == []
    write(log, "one\ntw")
    assert follower.new_lines() == ["one"]
    write(log, "o\n")
    assert follower.new_lines() == ["two"]
    log.rotate_if_large()
    write(log, "next\n")
    assert follower.new_lines() == ["next"]
