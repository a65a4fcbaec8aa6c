"""A fan is steered only where that is permitted, within its bounds, and is given back whatever happens."""

from pathlib import Path

import pytest

from agent.fan import FIXED, STEERED, FanFile, SteeredFan, give_back
from agent.home import FAN_KEPT, Home, open_home
from agent.wire.codec import WireError, loads
from tests.agent.test_tuning import SUDO, refuse
from tests.agent.trees import PiTree

PWM = "sys/class/hwmon/hwmon3/pwm1"
GONE = '{"pid": 4194304, "started": "1"}'


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    return PiTree(tmp_path / "board")


@pytest.fixture
def home(tree: PiTree, tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/board.json").write_text(f'{{"root": "{tree.root}", "board": {{"boot_id": "b1"}}}}')
    return open_home(tmp_path / "home")


def pwm(tree: PiTree) -> str:
    """What the fan is told."""
    return (tree.root / PWM).read_text().strip()


def leave(home: Home, *, name: str = PWM, value: int = 125, boot_id: str = "b1") -> None:
    """What an agent leaves that was killed while it steered."""
    file = f'{{"name": "{name}", "most": 255}}'
    kept = f'{{"file": {file}, "value": {value}, "boot_id": "{boot_id}", "by": {GONE}}}'
    (home.path / FAN_KEPT).write_text(kept)


def test_a_fan_is_steered_within_its_bounds_and_given_back(tree: PiTree, home: Home) -> None:
    fan = SteeredFan(home)
    assert fan.find() == {STEERED: "hwmon3/pwm1, by sysfs"}
    assert pwm(tree) == "125", "what proves that it can be written changes nothing"
    fan.take()
    fan.set(0.0)
    assert pwm(tree) == "0"
    tree.put(PWM, "175\n")
    fan.set(0.0)
    assert pwm(tree) == "0", "what the kernel writes at a trip point is set right"
    fan.set(1.0)
    assert pwm(tree) == "255"
    fan.give_back()
    assert pwm(tree) == "125" and not (home.path / FAN_KEPT).exists()


def test_a_cooling_device_that_is_a_fan_will_do(tree: PiTree, home: Home) -> None:
    (tree.root / PWM).unlink()
    for name, text in {"type": "gpio-fan", "cur_state": "1", "max_state": "3"}.items():
        tree.put(f"sys/class/thermal/cooling_device1/{name}", f"{text}\n")
    tree.put("sys/class/thermal/cooling_device0/type", "cpufreq-cpu0\n")
    tree.put("sys/class/thermal/cooling_device0/cur_state", "0\n")
    fan = SteeredFan(home)
    assert fan.find() == {STEERED: "cooling_device1/cur_state, by sysfs"}
    fan.take()
    fan.set(1.0)
    assert (tree.root / "sys/class/thermal/cooling_device1/cur_state").read_text() == "3"
    fan.give_back()
    assert (tree.root / "sys/class/thermal/cooling_device1/cur_state").read_text() == "1"


def test_without_permission_sudo_is_asked_and_without_sudo_the_fan_is_left_alone(tree: PiTree, home: Home) -> None:
    fan = SteeredFan(home, write=refuse)
    assert fan.find() == {
        FIXED: "hwmon3/pwm1: written directly: Permission denied; there is no sudo",
    }
    fan.take()
    fan.set(0.0)
    fan.give_back()
    assert pwm(tree) == "125"
    tree.put("usr/bin/sudo", SUDO)
    (tree.root / "usr/bin/sudo").chmod(0o755)
    assert fan.find() == {STEERED: "hwmon3/pwm1, by sudo"}


def test_a_board_without_a_fan_has_no_fact_of_it(tree: PiTree, home: Home) -> None:
    (tree.root / PWM).unlink()
    assert SteeredFan(home).find() == {}


def test_what_a_killed_agent_left_is_put_back_and_forgotten(tree: PiTree, home: Home) -> None:
    leave(home, value=75)
    give_back(home)
    assert pwm(tree) == "75" and not (home.path / FAN_KEPT).exists()


def test_a_fan_that_is_being_steered_is_left_to_its_agent(tree: PiTree, home: Home) -> None:
    fan = SteeredFan(home)
    fan.find()
    fan.take()
    fan.set(0.0)
    give_back(home)
    assert pwm(tree) == "0" and (home.path / FAN_KEPT).exists()


def test_a_boot_forgets_what_was_set_and_so_is_what_was_kept(tree: PiTree, home: Home) -> None:
    leave(home, value=75, boot_id="b0")
    give_back(home)
    assert pwm(tree) == "125" and not (home.path / FAN_KEPT).exists()


@pytest.mark.parametrize("name", ["sys/class/hwmon/hwmon3/pwm1_enable", "etc/passwd", "sys/class/hwmon/../../x/pwm1"])
def test_no_other_file_is_ever_written(tree: PiTree, home: Home, name: str) -> None:
    with pytest.raises(WireError, match="pwm1 or cur_state of a fan"):
        FanFile(name=name, most=255)
    leave(home, name=name)
    give_back(home)
    assert not (tree.root / name).exists() and not (home.path / FAN_KEPT).exists()


@pytest.mark.parametrize("most", [0, 256])
def test_no_speed_is_out_of_bounds(most: int) -> None:
    with pytest.raises(WireError, match=r"most: expected 1\.\.255"):
        loads(FanFile, f'{{"name": "{PWM}", "most": {most}}}')
