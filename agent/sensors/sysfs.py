"""Sensors that are files: die temperature, requested clock, fan, free memory."""

from pathlib import Path

from agent.sensors import Sensor, read_number, read_text

_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "x86_pkg_temp")
_MEMINFO = Path("/proc/meminfo")


def find_temperature(root: Path) -> Sensor[float] | None:
    """The die's temperature in C: the thermal zone found by its type, never by its number."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    by_type = {read_text(zone / "type"): zone for zone in reversed(zones)}
    for kind in _ZONES:
        if kind in by_type and read_number(by_type[kind] / "temp") is not None:
            return _file_sensor(f"thermal zone {kind}", by_type[kind] / "temp", 1e-3)
    return None


def find_requested_clock(root: Path) -> Sensor[float] | None:
    """The clock that the kernel asked for, Hz; blind to what the firmware does."""
    path = root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
    if read_number(path) is None:
        return None
    return _file_sensor("scaling_cur_freq", path, 1e3)


def find_fan(root: Path) -> Sensor[float] | None:
    """The fan's revolutions a minute, from the hwmon device that is called pwmfan."""
    for device in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        path = device / "fan1_input"
        if read_text(device / "name") == "pwmfan" and read_number(path) is not None:
            return _file_sensor("hwmon pwmfan", path)
    return None


def find_free_memory() -> Sensor[int] | None:
    """Memory that the kernel could still give, bytes."""
    return Sensor("/proc/meminfo", memory_available_bytes) if memory_available_bytes() is not None else None


def memory_available_bytes() -> int | None:
    """MemAvailable now."""
    return meminfo_bytes("MemAvailable")


def meminfo_bytes(name: str) -> int | None:
    """One line of /proc/meminfo in bytes."""
    _, is_there, after = f"\n{read_text(_MEMINFO)}".partition(f"\n{name}:")
    return int(after.split(maxsplit=1)[0]) * 1024 if is_there else None


def _file_sensor(source: str, path: Path, scale: float = 1.0) -> Sensor[float]:
    return Sensor(source, lambda: read_number(path, scale))
