"""The examination for the doctor: what there is to see is seen, what is not there is said, names cannot hurt."""

import json
import time
from pathlib import Path

import pytest

from agent.examine import examine, plain
from agent.home import Home, open_home
from agent.wire.answers import MAX_EXAMINED, Examined
from tests.agent.trees import PiTree

HOUR_S = 3600.0
EVIL = "\x1b]0;owned\x07 [bold] `reboot` ![](http://evil/x.png)"


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    return PiTree(tmp_path / "board")


@pytest.fixture
def home(tree: PiTree, tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/board.json").write_text(json.dumps({"root": str(tree.root)}))
    return open_home(tmp_path / "home")


def look(home: Home) -> Examined:
    """An examination that does not wait."""
    return examine(home, watch_s=0.05)


def install_systemctl(tree: PiTree, timers: str, states: str = "") -> None:
    """A systemctl with these answers to `list-timers` and `is-active`."""
    tree.put("timers", timers)
    tree.put("states", states)
    tree.put(
        "usr/bin/systemctl",
        '#!/bin/sh\nhere=${0%/usr/bin/systemctl}\n[ "$1" = list-timers ] && cat "$here/timers" || cat "$here/states"\n',
    )
    (tree.root / "usr/bin/systemctl").chmod(0o755)


def test_supply_throttle_history_and_cooling_are_read(tree: PiTree, home: Home) -> None:
    tree.install_vcgencmd()
    tree.answer("get_throttled", "throttled=0x50005")
    tree.put("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    facts = look(home).facts
    assert (facts["throttled"], facts["input_volts"], facts["low_voltage_alarm"]) == (0x50005, 5.06788, 1.0)
    assert (facts["temperature_c"], facts["fan_present"], facts["fan_rpm"]) == (48.3, True, 3012.0)
    assert facts["fan_steering"] == "hwmon3/pwm1, by sysfs"


def test_what_a_board_does_not_tell_is_named(home: Home) -> None:
    assert {"throttled", "low_voltage_alarm", "timers", "services"} <= set(look(home).absent)


def test_timers_come_with_their_next_time_soonest_first(tree: PiTree, home: Home) -> None:
    now_us = int(time.time() * 1e6)
    rows = [
        {"unit": "man-db.timer", "next": now_us + int(9 * HOUR_S * 1e6)},
        {"unit": "apt-daily.timer", "next": now_us + int(HOUR_S * 1e6)},
        {"unit": "never.timer", "next": None},
    ]
    install_systemctl(tree, json.dumps(rows), "active\ninactive\nactive\ninactive\ninactive\n")
    seen = look(home)
    assert [timer.name for timer in seen.timers] == ["apt-daily.timer", "man-db.timer", "never.timer"]
    assert seen.timers[0].next_in_s == pytest.approx(HOUR_S, abs=60) and seen.timers[2].next_in_s is None
    assert seen.facts["services"] == "cron, chrony"


@pytest.mark.parametrize(
    "said", ["", "null", "[" * 5000, '[1, {"unit": 7, "next": "soon"}, {"next": 1e400}]', "{}", "\x00"]
)
def test_timers_that_make_no_sense_hurt_nobody(tree: PiTree, home: Home, said: str) -> None:
    install_systemctl(tree, said, "gibberish")
    seen = look(home)
    assert all(timer.next_in_s is None for timer in seen.timers)
    assert "services" in seen.absent


def test_a_board_with_countless_timers_tells_a_few(tree: PiTree, home: Home) -> None:
    install_systemctl(tree, json.dumps([{"unit": f"{number}.timer", "next": 0} for number in range(5000)]))
    assert len(look(home).timers) == MAX_EXAMINED


def test_a_foreign_name_is_cut_to_plain_letters() -> None:
    assert not set(plain(EVIL)) & set("\x1b\x07[]`!() ")
    assert plain("") == "?" and len(plain("x" * 999)) == 64
