"""The machine's lock: one holder, kept alive by whoever inherited it, whatever the file looks like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.home import BoardNotes, Home, open_home, write_whole
from agent.lock import Holder, read_holder, take_lock
from agent.wire.codec import WireError

RUN = Holder(folder="/home/pi/.pifarm/runs/run1.1")
OTHER = Holder(folder="/home/pi/.pifarm/runs/run2.1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "machine.lock"


def test_only_one_holds_the_lock(path: Path) -> None:
    first = take_lock(path, RUN)
    assert first is not None
    assert take_lock(path, OTHER, patience_s=0) is None
    first.close()
    second = take_lock(path, OTHER, patience_s=0)
    assert second is not None
    second.close()


def test_the_file_names_the_holder_and_not_those_who_failed(path: Path) -> None:
    lock = take_lock(path, RUN)
    take_lock(path, OTHER, patience_s=0)
    assert read_holder(path) == RUN
    assert lock is not None
    lock.close()


def test_a_shorter_name_leaves_nothing_of_a_longer_one(path: Path) -> None:
    for holder in (RUN, Holder(folder="x")):
        lock = take_lock(path, holder)
        assert lock is not None
        lock.close()
    assert read_holder(path) == Holder(folder="x")


def test_a_file_that_is_no_holders_says_nothing(path: Path) -> None:
    path.write_text("what is this?")
    assert read_holder(path, patience_s=0.0) is None
    assert read_holder(path.with_name("nosuch"), patience_s=0.0) is None


def test_the_lock_lives_as_long_as_anybody_who_inherited_it(path: Path) -> None:
    lock = take_lock(path, RUN)
    assert lock is not None
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.descriptor,))
    lock.close()
    assert take_lock(path, OTHER, patience_s=0) is None
    heir.communicate(b"\n")
    freed = take_lock(path, OTHER, patience_s=0)
    assert freed is not None
    freed.close()


def test_everybody_may_open_the_lock_that_one_user_made(path: Path) -> None:
    lock = take_lock(path, RUN)
    assert lock is not None
    lock.close()
    assert path.stat().st_mode & 0o777 == 0o666


def test_a_lock_file_of_another_user_still_locks(path: Path) -> None:
    path.write_text("")
    path.chmod(0o444)
    lock = take_lock(path, RUN)
    assert lock is not None
    assert take_lock(path, OTHER, patience_s=0) is None
    lock.close()


def test_a_lock_whose_file_was_swept_away_does_not_bar_the_new_file(path: Path) -> None:
    old = take_lock(path, RUN)
    path.unlink()
    new = take_lock(path, OTHER, patience_s=0)
    assert old is not None and new is not None
    assert os.path.samestat(os.fstat(new.descriptor), path.stat())
    old.close()
    new.close()


def test_closing_twice_does_no_harm(path: Path) -> None:
    lock = take_lock(path, RUN)
    assert lock is not None
    lock.close()
    lock.close()


def test_a_scripted_run_takes_the_homes_own_lock(tmp_path: Path) -> None:
    home = Home(path=tmp_path, notes=BoardNotes(lock="/somewhere/else.lock"))
    assert home.lock_path("scripted") == tmp_path / "scripted.lock"
    assert home.lock_path("onnxruntime") == Path("/somewhere/else.lock")


def test_by_default_there_is_one_lock_for_the_machine(tmp_path: Path) -> None:
    one = Home(path=tmp_path / "a", notes=BoardNotes()).lock_path("onnxruntime")
    other = Home(path=tmp_path / "b", notes=BoardNotes()).lock_path("onnxruntime")
    assert one == other and one.name == "pifarm.lock"


def test_a_home_reads_what_its_owner_notes(tmp_path: Path) -> None:
    (tmp_path / "board.json").write_text('{"root": "/sim", "simulated": true, "board": {"serial": "s1"}}')
    home = open_home(tmp_path)
    assert home.root == Path("/sim") and home.notes.simulated and home.notes.board == {"serial": "s1"}
    (tmp_path / "board.json").write_text('{"rooot": "/sim"}')
    with pytest.raises(WireError, match="rooot"):
        open_home(tmp_path)


def test_a_runtimes_own_environment_comes_before_what_the_owner_names(tmp_path: Path) -> None:
    home = Home(path=tmp_path, notes=BoardNotes(python="/srv/python"))
    assert home.interpreter("ncnn") == "/srv/python"
    own = tmp_path / "envs/ncnn/bin/python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert home.interpreter("ncnn") == str(own)
    assert Home(path=tmp_path / "empty", notes=BoardNotes()).interpreter("ncnn") == sys.executable


def test_a_file_is_replaced_whole_and_leaves_no_part(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_whole(target, "old and long")
    write_whole(target, b"new", durable=False)
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]
