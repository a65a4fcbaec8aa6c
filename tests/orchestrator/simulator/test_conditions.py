"""What is done to a simulated board shows in what its sensors say, and only while it is done."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.sensors import read_text
from agent.sensors.firmware import parse_clock_hz, parse_throttled
from agent.wire.codec import WireError
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.conditions import Conditions

KIND = "pi5-active-cooler"


@pytest.fixture
def body(tmp_path: Path) -> Iterator[BoardBody]:
    """A board with a fan, at its highest clock."""
    body = BoardBody(tmp_path / "home", KIND, board_kind(KIND))
    body.power_on()
    body.tree.set_governor("performance")
    body.tick()
    yield body
    body.power_off()


def vcgencmd(body: BoardBody, *words: str) -> str:
    program = body.tree.root / "usr/bin/vcgencmd"
    return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout


def bits(body: BoardBody) -> int | None:
    return parse_throttled(vcgencmd(body, "get_throttled"))


def clock_hz(body: BoardBody) -> float | None:
    return parse_clock_hz(vcgencmd(body, "measure_clock", "arm"))


def room_c(body: BoardBody) -> str | None:
    found = list(body.tree.root.glob("sys/bus/w1/devices/28-*/temperature"))
    return read_text(found[0]) if found else None


def test_under_voltage_is_live_as_long_as_it_lasts_and_remembered_afterwards(body: BoardBody) -> None:
    body.put_under(Conditions(is_under_voltage=True))
    body.tick()
    assert bits(body) == 0x50005
    assert clock_hz(body) == body.kind.silicon.min_hz
    body.put_under(Conditions())
    body.tick()
    assert bits(body) == 0x50000


def test_a_brown_out_leaves_only_the_sticky_bit(body: BoardBody) -> None:
    body.brown_out()
    body.tick()
    assert bits(body) == 0x10000


def test_a_cap_of_the_firmware_shows_in_the_true_clock_alone(body: BoardBody) -> None:
    body.put_under(Conditions(cap_hz=1.8e9))
    body.tick()
    assert clock_hz(body) == pytest.approx(1.8e9, rel=0.02)
    assert bits(body) == 0
    requested = read_text(body.tree.root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    assert requested == "2400000"


def test_a_governor_that_is_set_decides_the_clock(body: BoardBody) -> None:
    body.tree.set_governor("powersave")
    body.tick()
    assert clock_hz(body) == pytest.approx(1.5e9, rel=0.02)


def test_heat_throttles_at_once_and_a_stopped_fan_stands_still(body: BoardBody) -> None:
    body.put_under(Conditions(room_c=80.0, is_fan_stopped=True))
    body.heat_to(90.0)
    body.tick()
    assert bits(body) == 0x60006
    assert read_text(body.tree.root / "sys/class/hwmon/hwmon2/fan1_input") == "0"


def test_a_thermometer_shows_the_room_where_there_is_one(body: BoardBody) -> None:
    assert room_c(body) is None
    body.put_under(Conditions(room_c=21.5, has_thermometer=True))
    body.tick()
    assert room_c(body) == "21500"


def test_a_nuisance_is_a_real_process_that_ends_with_the_board(body: BoardBody) -> None:
    before = set(psutil.Process().children())
    body.make_busy(cores=1, seconds=60)
    (nuisance,) = set(psutil.Process().children()) - before
    body.power_off()
    assert not nuisance.is_running()


@pytest.mark.parametrize("wrong", [{"room_c": 200.0}, {"cap_hz": 0.0}])
def test_impossible_conditions_cannot_exist(wrong: dict[str, float]) -> None:
    with pytest.raises(WireError):
        Conditions(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_bits_are_remembered_until_the_firmware_is_told_to_forget_them_or_the_board_boots(body: BoardBody) -> None:
    body.brown_out()
    vcgencmd(body, "get_throttled", "0xffff")
    body.tick()
    assert bits(body) == 0
    body.brown_out()
    body.power_on()
    assert bits(body) == 0


def test_a_fan_that_somebody_writes_turns_as_it_was_told(body: BoardBody) -> None:
    pwm, rpm = (body.tree.root / "sys/class/hwmon/hwmon2" / name for name in ("pwm1", "fan1_input"))
    pwm.write_text("255")
    body.tick()
    body.tick()
    assert (read_text(pwm), read_text(rpm)) == ("255", "8000")
    body.put_under(Conditions(is_fan_stopped=True))
    body.tick()
    assert (read_text(pwm), read_text(rpm)) == ("255", "0"), "what it is told is not what it does"


def test_a_guest_stays_as_long_as_the_conditions_say(body: BoardBody) -> None:
    before = set(psutil.Process().children())
    body.put_under(Conditions(busy_cores=2))
    body.tick()
    guests = set(psutil.Process().children()) - before
    assert len(guests) == 2
    body.put_under(Conditions())
    body.tick()
    assert not any(guest.is_running() for guest in guests)
