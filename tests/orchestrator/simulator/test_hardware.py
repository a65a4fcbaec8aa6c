"""A simulated board shows what a Pi's kernel and firmware show, in their units and their words."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import NotFoundError
from orchestrator.simulator.boards import BOARD_KINDS, board_kind
from orchestrator.simulator.fan import FAN_PWM
from orchestrator.simulator.hardware import HardwareTree, Readings
from orchestrator.simulator.power_chip import PMIC_OFFSET_W, PMIC_SLOPE

CPUFREQ = "sys/devices/system/cpu/cpu3/cpufreq"


def readings(
    *, temperature_c: float = 61.35, throttled: int = 0x80008, fan_level: int = 2, power_w: float = 7.0
) -> Readings:
    """What a warm, busy board shows."""
    return Readings(
        temperature_c=temperature_c,
        clock_hz=1.2e9,
        requested_hz=1.5e9,
        core_volts=0.85,
        throttled=throttled,
        polled=throttled,
        fan_pwm=FAN_PWM[fan_level],
        fan_level=fan_level,
        fan_rpm=4000,
        power_w=power_w,
    )


@pytest.fixture
def tree(tmp_path: Path) -> HardwareTree:
    """A Pi 5 with a fan, booted."""
    tree = HardwareTree(tmp_path, board_kind("pi5-active-cooler"), "1000000012345678")
    tree.build()
    tree.show(readings())
    return tree


def vcgencmd(tree: HardwareTree, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask the board's firmware."""
    program = tree.root / "usr/bin/vcgencmd"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(BOARD_KINDS))
def test_every_kind_says_what_it_is(tmp_path: Path, name: str) -> None:
    kind = board_kind(name)
    HardwareTree(tmp_path, kind, "1000000012345678").build()
    assert (tmp_path / "proc/device-tree/model").read_bytes() == kind.model.encode() + b"\0"
    cpuinfo = (tmp_path / "proc/cpuinfo").read_text()
    assert f"Revision\t: {kind.revision}\n" in cpuinfo and cpuinfo.count("processor") == 4
    assert ("asimddp" in cpuinfo) == name.startswith("pi5")


def test_sensors_speak_the_units_of_the_kernel(tree: HardwareTree) -> None:
    shown = {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "61350\n",
        f"{CPUFREQ}/scaling_cur_freq": "1500000\n",
        f"{CPUFREQ}/cpuinfo_max_freq": "2400000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "80008\n",
        "sys/class/hwmon/hwmon2/name": "pwmfan\n",
        "sys/class/hwmon/hwmon2/pwm1": "125\n",
        "sys/class/hwmon/hwmon2/fan1_input": "4000\n",
    }
    assert {name: (tree.root / name).read_text() for name in shown} == shown


@pytest.mark.parametrize("throttled", [0x80008, 0x80000, 0, 0xF0006])
def test_a_file_holds_its_newest_value_and_nothing_of_an_older_one(tree: HardwareTree, throttled: int) -> None:
    tree.show(readings(throttled=0, temperature_c=9.5))
    tree.show(readings(throttled=throttled, temperature_c=100.25))
    assert vcgencmd(tree, "get_throttled").stdout == f"throttled=0x{throttled:x}\n"
    assert (tree.root / "sys/class/thermal/thermal_zone0/temp").read_text() == "100250\n"
    tree.show(readings(throttled=throttled, temperature_c=101.5))
    assert (tree.root / "sys/class/thermal/thermal_zone0/temp").read_text() == "101500\n"


def test_the_firmware_answers_in_its_own_words(tree: HardwareTree) -> None:
    assert vcgencmd(tree, "measure_temp").stdout == "temp=61.4'C\n"
    assert vcgencmd(tree, "measure_clock", "arm").stdout == "frequency(0)=1200000000\n"
    assert vcgencmd(tree, "measure_volts", "core").stdout == "volt=0.8500V\n"
    assert vcgencmd(tree, "get_throttled").stdout == "throttled=0x80008\n"


@pytest.mark.parametrize("words", [[], ["no_such_command"], ["../etc/os-release"]])
def test_the_firmware_refuses_what_it_does_not_know(tree: HardwareTree, words: list[str]) -> None:
    assert "not registered" in vcgencmd(tree, *words).stdout or words == ["../etc/os-release"]


def test_the_rails_of_a_pi_5_add_up_to_its_input_power(tree: HardwareTree) -> None:
    answer = vcgencmd(tree, "pmic_read_adc").stdout
    amperes = dict(re.findall(r"(\S+)_A current\(\d+\)=([\d.]+)A", answer))
    volts = dict(re.findall(r"(\S+)_V volt\(\d+\)=([\d.]+)V", answer))
    assert (len(amperes), len(volts)) == (12, 14)
    rails_w = sum(float(amperes[rail]) * float(volts[rail]) for rail in amperes)
    assert PMIC_SLOPE * rails_w + PMIC_OFFSET_W == pytest.approx(7.0, abs=0.01)


def test_a_board_without_fan_or_power_meter_shows_neither(tmp_path: Path) -> None:
    tree = HardwareTree(tmp_path, board_kind("pi4-bare"), "1000000012345678")
    tree.build()
    tree.show(readings())
    assert not (tmp_path / "sys/class/hwmon/hwmon2").exists()
    assert "not registered" in vcgencmd(tree, "pmic_read_adc").stdout


def test_the_governor_and_its_ceiling_are_obeyed(tree: HardwareTree) -> None:
    assert tree.requested_hz(is_busy=False) == 1500e6
    assert tree.requested_hz(is_busy=True) == 2400e6
    (tree.root / CPUFREQ / "scaling_governor").write_text("performance\n")
    assert tree.requested_hz(is_busy=False) == 2400e6
    (tree.root / CPUFREQ / "scaling_max_freq").write_text("1800000\n")
    assert tree.requested_hz(is_busy=True) == 1800e6
    (tree.root / CPUFREQ / "scaling_governor").write_text("powersave\n")
    assert tree.requested_hz(is_busy=True) == 1500e6


def test_a_boot_forgets_what_was_set_before(tree: HardwareTree) -> None:
    (tree.root / CPUFREQ / "scaling_governor").write_text("performance\n")
    tree.build()
    assert (tree.root / CPUFREQ / "scaling_governor").read_text() == "ondemand\n"


def test_an_unknown_kind_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="pi5-active-cooler"):
        board_kind("pi6")


def test_what_is_written_to_the_fan_is_noticed_once_and_by_either_file(tree: HardwareTree) -> None:
    assert tree.written_fan() is None
    (tree.root / "sys/class/hwmon/hwmon2/pwm1").write_text("255")
    assert tree.written_fan() == 255
    tree.show(replace(readings(), fan_pwm=255, fan_level=4))
    assert tree.written_fan() is None
    (tree.root / "sys/class/thermal/cooling_device0/cur_state").write_text("1")
    assert tree.written_fan() == FAN_PWM[1]


def test_the_kernel_counts_the_clock_that_was_asked_for(tree: HardwareTree) -> None:
    tree.count_clock(2.4e9, 90.0)
    tree.count_clock(1.5e9, 0.25)
    tree.show(readings())
    stats = dict(line.split() for line in (tree.root / CPUFREQ / "stats/time_in_state").read_text().splitlines())
    assert {khz: ticks for khz, ticks in stats.items() if ticks != "0"} == {"2400000": "9000", "1500000": "25"}
    listed = (tree.root / CPUFREQ / "scaling_available_frequencies").read_text().split()
    assert list(stats) == listed


@pytest.mark.parametrize(("mask", "forgotten"), [("1", 0x10000), ("0xffff", 0xFFFF0000), ("nonsense", 0)])
def test_the_firmware_is_told_what_to_forget(tree: HardwareTree, mask: str, forgotten: int) -> None:
    assert vcgencmd(tree, "get_throttled", mask).stdout == "throttled=0x80008\n"
    assert tree.take_forgotten_bits() == forgotten
