"""Preparing a board: what was there is kept, what is set is proven, and all of it can be put back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.home import Home, open_home
from agent.tuning import is_prepared, prepare, renew, restore
from agent.wire.answers import Way
from tests.agent.trees import PiTree

POLICY = "sys/devices/system/cpu/cpufreq/policy0"
SUDO = """#!/bin/sh
[ "$1 $2" = "-n /usr/bin/tee" ] || { echo "sudo: a password is required" >&2; exit 1; }
chmod 644 "$3" && cat >"$3"
"""


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    tree = PiTree(tmp_path / "board")
    tree.put(f"{POLICY}/scaling_governor", "ondemand\n")
    tree.put(f"{POLICY}/scaling_min_freq", "1500000\n")
    tree.put(f"{POLICY}/scaling_max_freq", "2400000\n")
    return tree


@pytest.fixture
def home(tree: PiTree, tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/board.json").write_text(f'{{"root": "{tree.root}"}}')
    return open_home(tmp_path / "home")


def shown(tree: PiTree) -> tuple[str, str, str]:
    """Governor, lowest and highest clock as the kernel shows them."""
    names = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
    governor, lowest, highest = ((tree.root / POLICY / name).read_text().strip() for name in names)
    return governor, lowest, highest


def refuse(path: Path, text: str) -> None:
    """As the kernel does to a user who may not."""
    raise PermissionError(13, "Permission denied")


def test_a_prepared_board_runs_at_its_highest_clock_and_says_so(tree: PiTree, home: Home) -> None:
    tree.install_vcgencmd()
    tuned = prepare(home, load_s=0.0)
    assert shown(tree) == ("performance", "2400000", "2400000")
    assert tuned.is_prepared and tuned.is_verified
    assert (tuned.wanted_hz, tuned.clock_hz) == (2.4e9, 2_400_033_792)


def test_what_was_there_comes_back_even_after_preparing_twice(tree: PiTree, home: Home) -> None:
    prepare(home, load_s=0.0)
    prepare(home, load_s=0.0)
    assert restore(home).is_verified and not is_prepared(home)
    assert shown(tree) == ("ondemand", "1500000", "2400000")
    assert restore(home).settings == (), "there is nothing left to put back"


def test_a_true_clock_that_stays_low_is_said(tree: PiTree, home: Home) -> None:
    tree.install_vcgencmd()
    tree.answer("measure_clock", "frequency(0)=1500000000")
    tuned = prepare(home, load_s=0.0, patience_s=0.0)
    assert not tuned.is_verified
    assert tuned.problem == "the true clock is 1500 of 2400 MHz"


def test_without_permission_sudo_is_asked_and_named(tree: PiTree, home: Home) -> None:
    tree.put("usr/bin/sudo", SUDO)
    (tree.root / "usr/bin/sudo").chmod(0o755)
    tuned = prepare(home, load_s=0.0, write=refuse)
    assert {setting.way for setting in tuned.settings} == {Way.SUDO} and tuned.is_verified
    assert shown(tree) == ("performance", "2400000", "2400000")


def test_a_board_that_lets_nobody_write_stays_as_it_was_and_says_why(tree: PiTree, home: Home) -> None:
    tuned = prepare(home, load_s=0.0, write=refuse)
    assert not tuned.is_prepared and not tuned.is_verified
    assert all("Permission denied; there is no sudo" in setting.problem for setting in tuned.settings)
    assert shown(tree) == ("ondemand", "1500000", "2400000")


@pytest.mark.parametrize("undo", [lambda tree: tree.put(f"{POLICY}/scaling_governor", "ondemand\n")])
def test_what_a_throttle_undid_is_set_again(tree: PiTree, home: Home, undo: Callable[[PiTree], None]) -> None:
    tree.install_vcgencmd()
    prepare(home, load_s=0.0)
    undo(tree)
    assert renew(home, load_s=0.0) == {"governor_renewed": True, "governor_renewed_clock_hz": 2_400_033_792}
    assert shown(tree)[0] == "performance"


def test_a_board_that_was_never_prepared_is_left_alone(tree: PiTree, home: Home) -> None:
    assert renew(home, load_s=0.0) == {}
    assert shown(tree)[0] == "ondemand"
