"""Finds the sensors that a board has."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from agent.home import NamedThermometer
from agent.sensors import Sensor, SensorSet
from agent.sensors.ambient import UNNAMED, find_thermometer
from agent.sensors.firmware import open_firmware
from agent.sensors.load import find_foreign_load
from agent.sensors.sysfs import find_fan, find_free_memory, find_requested_clock, find_temperature


def find_sensors(
    root: Path, own_pids: Callable[[], Iterable[int]], thermometer: NamedThermometer = UNNAMED
) -> SensorSet:
    """Every sensor under `root`, and the room's; `own_pids` are the processes whose load is not foreign."""
    known = SensorSet(
        temperature_c=find_temperature(root),
        requested_hz=find_requested_clock(root),
        fan_rpm=find_fan(root),
        foreign_cpu=find_foreign_load(own_pids),
        memory_available_bytes=find_free_memory(),
    )
    room = find_thermometer(root, thermometer)
    if room is not None:
        known = replace(known, ambient_c=room.sensor, hush=room.hush)
    firmware = open_firmware(root)
    if firmware is None:
        return known
    power = Sensor(f"{firmware.source}: pmic_read_adc", firmware.power_w) if firmware.has_power else None
    return replace(
        known,
        clock_hz=Sensor(firmware.source, firmware.clock_hz),
        throttled=Sensor(firmware.source, firmware.throttled),
        power_w=power,
        prepare=firmware.prepare,
        close=firmware.close,
    )
