"""Hardware trees for tests: the files that a Raspberry Pi's kernel shows, and a vcgencmd that answers from files."""

from pathlib import Path

REVISION = "c04170"  # Pi 5, 4 GB, revision 1.0
_VCGENCMD = """#!/bin/sh
here=${0%/usr/bin/vcgencmd}
name=$1
[ -f "$here/answers/$name" ] || { echo 'error=1 error_msg="Command not registered"'; exit 255; }
echo "$*" >> "$here/asked"
cat "$here/answers/$name"
"""
PMIC = """\
  VDD_CORE_A current(7)=2.00000000A
     1V8_SYS_A current(1)=0.50000000A
     EXT5V_V volt(24)=5.06788000V
   VDD_CORE_V volt(15)=0.90000000V
      1V8_SYS_V volt(9)=1.80000000V
"""
PMIC_W = 1.1451 * (2.0 * 0.9 + 0.5 * 1.8) + 0.5879


class PiTree:
    """A tree under `root` whose readings a test can turn."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("sys/class/thermal/thermal_zone0/type", "gpu-thermal\n")
        self.put("sys/class/thermal/thermal_zone0/temp", "20000\n")
        self.put("sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
        self.heat(48.3)
        self.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n")
        self.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
        self.put("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n")
        self.put("sys/class/hwmon/hwmon0/name", "rpi_volt\n")
        self.put("sys/class/hwmon/hwmon3/name", "pwmfan\n")
        self.put("sys/class/hwmon/hwmon3/fan1_input", "3012\n")
        self.put("sys/class/hwmon/hwmon3/pwm1", "125\n")
        self.put("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        self.put("proc/cpuinfo", f"processor\t: 0\nRevision\t: {REVISION}\nSerial\t\t: 10000000abcdef12\n")
        self.put("etc/os-release", 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')

    def put(self, name: str, text: str) -> None:
        """Write one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def heat(self, die_c: float) -> None:
        """Set the die's temperature."""
        self.put("sys/class/thermal/thermal_zone1/temp", f"{round(die_c * 1000)}\n")

    def install_vcgencmd(self, *, with_power: bool = True) -> None:
        """Put a vcgencmd there, with its answers."""
        self.put("usr/bin/vcgencmd", _VCGENCMD)
        (self.root / "usr/bin/vcgencmd").chmod(0o755)
        self.answer("measure_clock", "frequency(0)=2400033792")
        self.answer("get_throttled", "throttled=0x0")
        self.answer("measure_temp", "temp=48.3'C")
        self.answer("version", "2024/09/23 14:02:56\nCopyright (c) 2012 Broadcom\nversion 26826259 (release)")
        if with_power:
            self.answer("pmic_read_adc", PMIC)

    def answer(self, command: str, text: str) -> None:
        """Set what vcgencmd says."""
        self.put(f"answers/{command}", text + "\n")

    def asked(self) -> list[str]:
        """Every question that vcgencmd was asked."""
        path = self.root / "asked"
        return path.read_text().splitlines() if path.exists() else []
