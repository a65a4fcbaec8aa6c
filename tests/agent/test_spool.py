"""The journal on a disk that may fill up: whole lines only, and always a last word."""

import os
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import RunFault
from agent.spool import Spool, reserve_space
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Ended, Fault, Inferences, Outcome, Phase, PhaseEntered, Record

NOTE = PhaseEntered(phase=Phase.GATE, at_ns=1)
STARTS_NS = range(0, 2000 * 2**40, 2**40)
NOISE = random.Random(1)
LONG = Inferences(
    phase=Phase.WINDOW,
    first_index=0,
    starts_ns=tuple(STARTS_NS),
    durations_ns=tuple(NOISE.randint(1, 2**40) for _ in STARTS_NS),  # about 14 kB of journal
)
END = Ended(at_ns=9, outcome=Outcome.FAILED, fault=Fault.DEVICE, code="no_space", message="full")


def read(folder: Path) -> list[Record]:
    """What the journal holds."""
    return [record for _, record in read_lines((folder / "journal.jsonl").read_bytes(), Cursor())]


@contextmanager
def full_disk_after(size: int) -> Iterator[None]:
    """No file may grow beyond `size`: writes come up short, then fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_lines_are_numbered_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(NOTE, NOTE)
    spool.append(LONG)
    spool.end(END)
    spool.close()
    assert read(tmp_path) == [NOTE, NOTE, LONG, END]


@pytest.mark.parametrize("room", [0, 1, 500, 4000])
def test_a_line_that_does_not_fit_leaves_nothing_of_itself(tmp_path: Path, room: int) -> None:
    spool = Spool(tmp_path)
    spool.append(NOTE)
    with full_disk_after(spool.size + room), pytest.raises(RunFault) as caught:
        spool.append(LONG)
    assert (caught.value.code, caught.value.fault) == ("no_space", Fault.DEVICE)
    assert read(tmp_path) == [NOTE]
    spool.close()


def test_on_a_full_disk_the_newest_lines_make_room_for_the_last_word(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(NOTE, LONG, LONG, LONG)
    with full_disk_after(spool.size):
        spool.end(END)
    spool.close()
    records = read(tmp_path)
    assert records[0] == NOTE and records[-1] == END and len(records) < 5


def test_space_that_is_not_there_cannot_be_set_aside(tmp_path: Path) -> None:
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("this system cannot set space aside")
    with full_disk_after(1000), pytest.raises(OSError):
        reserve_space(tmp_path, 100_000)


def test_a_reserve_is_given_back(tmp_path: Path) -> None:
    reserve_space(tmp_path, 100_000)
    spool = Spool(tmp_path)
    spool.release_reserve()
    spool.release_reserve()
    assert not (tmp_path / "reserve").exists()
    spool.close()
