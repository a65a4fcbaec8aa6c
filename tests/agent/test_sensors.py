"""Sensors under an injected root: found by kind, absent without an error, never guessed."""

import os
import time
from pathlib import Path

import psutil
import pytest

from agent.sensors import SERIES, Look, SensorSet, read_number
from agent.sensors.discover import find_sensors
from agent.sensors.load import CORES, ForeignLoad, busy_cpu_s, tick_share
from agent.sensors.sysfs import find_temperature, meminfo_bytes
from tests.agent.board import wait_for
from tests.agent.trees import PMIC_W, PiTree


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    return PiTree(tmp_path)


def find(root: Path) -> SensorSet:
    """All sensors of a root."""
    return find_sensors(root, lambda: [os.getpid()])


def test_the_die_is_found_by_its_zones_type_and_not_by_its_number(tree: PiTree) -> None:
    sensor = find_temperature(tree.root)
    assert sensor is not None
    assert (sensor.source, sensor.read()) == ("thermal zone cpu-thermal", 48.3)


def test_a_reading_follows_the_board(tree: PiTree) -> None:
    sensors = find(tree.root)
    tree.heat(61.25)
    assert sensors.look().temperature_c == 61.25


def test_a_board_says_all_that_it_has(tree: PiTree) -> None:
    tree.install_vcgencmd()
    look = find(tree.root).look()
    assert look.clock_hz == 2_400_033_792
    assert look.requested_hz == 1_500_000_000
    assert look.throttled == 0
    assert look.fan_rpm == 3012
    assert look.power_w == pytest.approx(PMIC_W, abs=1e-3)


def test_an_empty_root_has_nothing_and_says_so(tmp_path: Path) -> None:
    sensors = find(tmp_path)
    missing = {"temperature_c", "clock_hz", "requested_hz", "throttled", "fan_rpm", "power_w"}
    assert missing <= set(sensors.absent)
    assert set(sensors.absent) | set(sensors.sources) == set(SERIES)
    look = sensors.look()
    assert all(getattr(look, name) is None for name in missing)


def test_a_sensor_that_vanishes_gives_nothing_instead_of_an_error(tree: PiTree) -> None:
    sensors = find(tree.root)
    (tree.root / "sys/class/thermal/thermal_zone1/temp").unlink()
    assert sensors.look().temperature_c is None


def test_another_fan_driver_is_not_taken_for_the_pis(tree: PiTree) -> None:
    tree.put("sys/class/hwmon/hwmon3/name", "nvme\n")
    assert "fan_rpm" in find(tree.root).absent


def test_without_a_power_chip_the_power_is_absent(tree: PiTree) -> None:
    tree.install_vcgencmd(with_power=False)
    sensors = find(tree.root)
    assert "power_w" in sensors.absent and "clock_hz" in sensors.sources


def test_the_program_is_not_asked_again_within_a_second_and_says_nothing_between(tree: PiTree) -> None:
    tree.install_vcgencmd()
    sensors = find(tree.root)
    first = sensors.look()
    asked = len(tree.asked())
    between = [sensors.look() for _ in range(5)]
    assert first.throttled == 0 and len(tree.asked()) == asked
    assert all(look.throttled is None and look.clock_hz is None for look in between)


@pytest.mark.integration
def test_after_a_second_the_program_is_asked_in_the_background(tree: PiTree) -> None:
    tree.install_vcgencmd()
    sensors = find(tree.root)
    sensors.look()
    tree.answer("get_throttled", "throttled=0x50005")
    try:
        assert wait_for(lambda: sensors.look().throttled) == 0x50005
    finally:
        sensors.close()


@pytest.mark.integration
def test_what_still_runs_in_the_background_ends_with_the_sensors(tree: PiTree) -> None:
    tree.install_vcgencmd()
    sensors = find(tree.root)
    sensors.look()
    asked = len(tree.asked())
    wait_for(lambda: sensors.look() and len(tree.asked()) > asked)
    sensors.close()
    assert not psutil.Process().children()


def test_the_source_of_a_reading_is_said(tree: PiTree) -> None:
    tree.install_vcgencmd()
    assert find(tree.root).sources["throttled"] == "vcgencmd, at most once a second"


def test_text_that_is_no_number_is_no_reading(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("error\n")
    assert read_number(tmp_path / "temp") is None
    assert read_number(tmp_path / "nosuch") is None


def test_the_first_look_at_the_load_has_nothing_to_compare_with() -> None:
    if busy_cpu_s() is None:
        pytest.skip("this system keeps no processor counters")
    load = ForeignLoad(lambda: [os.getpid()])
    assert load.read() is None
    share = wait_for(load.read)
    assert -0.5 < share < 1.5


def test_own_work_is_not_foreign() -> None:
    if busy_cpu_s() is None:
        pytest.skip("this system keeps no processor counters")
    mine, nobodys = ForeignLoad(lambda: [os.getpid()]), ForeignLoad(list)
    mine.read(), nobodys.read()
    began_s, used_s = time.monotonic(), time.process_time()
    assert sum(index * index for index in range(4_000_000)) > 0
    without_mine, all_of_it = mine.read(), nobodys.read()
    own = (time.process_time() - used_s) / (time.monotonic() - began_s) / CORES
    assert without_mine is not None and all_of_it is not None
    assert all_of_it - without_mine == pytest.approx(own, abs=0.15)


def test_two_ticks_are_worth_less_the_longer_one_looks() -> None:
    assert tick_share(2.0) == pytest.approx(tick_share(1.0) / 2)


def test_memory_is_the_real_hosts() -> None:
    total, free = meminfo_bytes("MemTotal"), meminfo_bytes("MemAvailable")
    if total is None:
        pytest.skip("this system has no /proc/meminfo")
    assert free is not None and 0 < free <= total
    assert meminfo_bytes("NoSuchLine") is None


def test_a_look_has_a_column_for_every_series_of_the_journal() -> None:
    from agent.wire.records import Telemetry

    assert {"at_ns", "rss_bytes", *Look.__dataclass_fields__} == set(Telemetry.__dataclass_fields__)
