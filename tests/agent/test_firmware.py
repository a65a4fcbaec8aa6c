"""What the firmware says: its many spellings, and whether two ways of asking agree."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.sensors.firmware import (
    agrees,
    find_vcgencmd,
    open_firmware,
    parse_clock_hz,
    parse_power_w,
    parse_temperature_c,
    parse_throttled,
)
from tests.agent.trees import PMIC, PMIC_W, PiTree


class Told:
    """A mailbox that says what a test tells it."""

    def __init__(self, clocks_hz: list[float | None], bits: int | None = 0, die_c: float | None = 48.0) -> None:
        self._clocks_hz, self._bits, self._die_c = clocks_hz, bits, die_c

    def clock_hz(self) -> float | None:
        return self._clocks_hz.pop(0)

    def throttled(self) -> int | None:
        return self._bits

    def temperature_c(self) -> float | None:
        return self._die_c


def program(**answers: str) -> Callable[[str], str]:
    """A vcgencmd that gives these answers."""
    known = {
        "measure_clock arm": "frequency(48)=1500398464",
        "get_throttled": "throttled=0x0",
        "measure_temp": "temp=48.3'C",
    }
    return lambda command: {**known, **answers}[command]


@pytest.mark.parametrize("text", ["frequency(0)=2400033792", "frequency(48)=2400033792", "frequency(45)=2400033792\n"])
def test_the_clock_stands_behind_the_equals_sign_on_every_board(text: str) -> None:
    assert parse_clock_hz(text) == 2_400_033_792


@pytest.mark.parametrize(("text", "bits"), [("throttled=0x50005", 0x50005), ("throttled=0x0", 0)])
def test_throttle_bits_are_hexadecimal(text: str, bits: int) -> None:
    assert parse_throttled(text) == bits


@pytest.mark.parametrize("text", ["", "error=1", 'error=2 error_msg="Invalid arguments"', "temp=", "garbage"])
def test_an_error_is_no_reading(text: str) -> None:
    assert parse_power_w(text) is None
    assert parse_temperature_c(text) is None
    assert parse_clock_hz(text) is None
    assert parse_throttled(text) is None


def test_power_is_the_sum_of_the_rails_that_have_both_numbers() -> None:
    assert parse_power_w(PMIC) == pytest.approx(PMIC_W, abs=1e-3)


def test_a_mailbox_that_agrees_is_believed() -> None:
    assert agrees(Told([1_500_000_000]), program())


def test_a_clock_that_moved_between_two_looks_gets_another_try() -> None:
    assert agrees(Told([600_000_000, 600_000_000, 1_500_000_000]), program())
    assert not agrees(Told([600_000_000] * 3), program())


@pytest.mark.parametrize(
    "mailbox",
    [
        Told([1_500_000_000] * 3, bits=4),
        Told([1_500_000_000] * 3, die_c=80.0),
        Told([None]),
        Told([1_500_000_000], bits=None),
    ],
)
def test_a_mailbox_that_says_something_else_is_not_believed(mailbox: Told) -> None:
    assert not agrees(mailbox, program())


def test_a_program_without_an_answer_proves_nothing() -> None:
    assert not agrees(Told([1_500_000_000]), program(get_throttled="", measure_temp=""))


def test_a_file_that_is_no_device_is_not_taken_for_the_mailbox(tmp_path: Path) -> None:
    tree = PiTree(tmp_path)
    tree.install_vcgencmd()
    tree.put("dev/vcio", "")
    firmware = open_firmware(tmp_path)
    assert firmware is not None and firmware.source == "vcgencmd, at most once a second"


def test_a_program_that_only_fails_is_no_firmware(tmp_path: Path) -> None:
    tree = PiTree(tmp_path)
    tree.install_vcgencmd()
    (tmp_path / "answers/get_throttled").unlink()
    assert open_firmware(tmp_path) is None


def test_without_the_program_there_is_no_firmware(tmp_path: Path) -> None:
    assert find_vcgencmd(tmp_path) is None and open_firmware(tmp_path) is None
