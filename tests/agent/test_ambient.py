"""The room's thermometer: found where there is one, read in the background, and left alone while the board is quiet."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.home import NamedThermometer, open_home
from agent.sensors.ambient import PERIOD_S, Thermometer, find_thermometer, read_room_c
from agent.sensors.discover import find_sensors
from agent.wire.codec import WireError
from tests.agent.trees import PiTree

ONE_WIRE = "sys/bus/w1/devices/28-3c01d607ce5a/temperature"


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def move(self, seconds: float) -> None:
        self.now_s += seconds


class SlowFile:
    """A named pipe in the place of a sensor: a read of it ends only when the test lets it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path

    def answer(self, text: str) -> None:
        """Let the waiting read end with this text."""
        with self.path.open("w") as file:
            file.write(text)


@pytest.fixture
def tree(tmp_path: Path) -> PiTree:
    return PiTree(tmp_path / "root")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowFile]:
    yield SlowFile(tmp_path / "temperature")


def test_a_one_wire_sensor_shows_the_room(tree: PiTree) -> None:
    tree.put(ONE_WIRE, "21312\n")
    sensors = find_sensors(tree.root, list)
    assert sensors.look().ambient_c == 21.312
    assert sensors.sources["ambient_c"] == "1-wire 28-3c01d607ce5a"


@pytest.mark.parametrize(
    ("name", "label"), [("ambient", ""), ("sht3x", "Ambient")], ids=["device of that name", "input of that label"]
)
def test_a_hwmon_sensor_that_is_called_ambient_shows_it_too(tree: PiTree, name: str, label: str) -> None:
    tree.put("sys/class/hwmon/hwmon7/name", f"{name}\n")
    tree.put("sys/class/hwmon/hwmon7/temp1_input", "19500\n")
    tree.put("sys/class/hwmon/hwmon7/temp1_label", f"{label}\n")
    thermometer = find_thermometer(tree.root)
    assert thermometer is not None
    assert thermometer.read() == 19.5


def test_without_a_thermometer_the_room_is_said_to_be_absent(tree: PiTree) -> None:
    tree.put("sys/class/hwmon/hwmon7/name", "nvme\n")
    tree.put("sys/class/hwmon/hwmon7/temp1_input", "41000\n")
    assert "ambient_c" in find_sensors(tree.root, list).absent


@pytest.mark.parametrize("said", ["85000", "-127000", "", "none"])
def test_what_no_working_thermometer_says_is_no_reading(tree: PiTree, said: str) -> None:
    tree.put(ONE_WIRE, said)
    assert read_room_c(tree.root / ONE_WIRE) is None
    assert find_thermometer(tree.root) is None


def test_a_reading_is_given_once_and_the_next_asked_for_when_it_is_time(tree: PiTree, clock: Clock) -> None:
    tree.put(ONE_WIRE, "21000\n")
    thermometer = Thermometer("1-wire", partial(read_room_c, tree.root / ONE_WIRE), 20.0, clock)
    assert [thermometer.read(), thermometer.read()] == [20.0, None]
    clock.move(PERIOD_S)
    assert thermometer.read() is None
    thermometer.wait()
    assert [thermometer.read(), thermometer.read()] == [21.0, None]


def test_nobody_waits_for_a_slow_thermometer(slow: SlowFile, clock: Clock) -> None:
    thermometer = Thermometer("1-wire", partial(read_room_c, slow.path), 20.0, clock)
    clock.move(PERIOD_S)
    assert [thermometer.read(), thermometer.read()] == [20.0, None]
    clock.move(PERIOD_S)
    assert thermometer.read() is None
    slow.answer("22000\n")
    thermometer.wait()
    assert thermometer.read() == 22.0
    slow.answer("22000\n")
    thermometer.wait()


def test_no_conversion_is_begun_while_the_board_must_be_quiet(tree: PiTree, clock: Clock) -> None:
    thermometer = Thermometer("1-wire", partial(read_room_c, tree.root / ONE_WIRE), 20.0, clock)
    tree.put(ONE_WIRE, "21000\n")
    thermometer.read()
    thermometer.hush(True)
    clock.move(10 * PERIOD_S)
    assert thermometer.read() is None
    thermometer.wait()
    assert thermometer.read() is None
    thermometer.hush(False)
    thermometer.wait()
    assert thermometer.read() == 21.0


def test_the_file_that_the_owner_names_goes_before_whatever_else_is_there(tree: PiTree) -> None:
    tree.put(ONE_WIRE, "21000\n")
    tree.put("sys/class/hwmon/hwmon9/temp3_input", "18250\n")
    named = NamedThermometer(path="/sys/class/hwmon/hwmon9/temp3_input")
    sensors = find_sensors(tree.root, list, named)
    assert sensors.look().ambient_c == 18.25
    assert sensors.sources["ambient_c"] == "file /sys/class/hwmon/hwmon9/temp3_input"


def test_a_command_of_the_owner_tells_the_room_too(tree: PiTree) -> None:
    named = NamedThermometer(command=(sys.executable, "-c", "print(22.75)"))
    thermometer = find_thermometer(tree.root, named)
    assert thermometer is not None
    assert (thermometer.read(), thermometer.source) == (22.75, f"command {sys.executable}")


@pytest.mark.parametrize("program", ["print('warm')", "print(-200)", "raise SystemExit(1)", ""])
def test_a_named_thermometer_that_does_not_answer_is_absent_and_not_replaced(tree: PiTree, program: str) -> None:
    tree.put(ONE_WIRE, "21000\n")
    assert find_thermometer(tree.root, NamedThermometer(command=(sys.executable, "-c", program))) is None
    assert find_thermometer(tree.root, NamedThermometer(command=("/no/such/program",))) is None
    assert find_thermometer(tree.root, NamedThermometer(path="/no/such/file")) is None


def test_board_json_names_one_thermometer_and_not_two(tmp_path: Path) -> None:
    (tmp_path / "board.json").write_text('{"thermometer": {"command": ["room", "lab"]}}')
    assert open_home(tmp_path).notes.thermometer == NamedThermometer(command=("room", "lab"))
    (tmp_path / "board.json").write_text('{"thermometer": {"path": "/t", "command": ["room"]}}')
    with pytest.raises(WireError, match="a path or a command, not both"):
        open_home(tmp_path)
