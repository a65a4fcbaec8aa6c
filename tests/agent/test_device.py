"""Board facts: the type from the revision code, the rest from files, nothing invented."""

import os
from pathlib import Path

import pytest

from agent.device import board_text, board_type, decode_board_type, link, read_facts, serial, storage
from agent.home import BoardNotes, Home
from agent.machine import boot_id, is_emulated, machine_id, processor_family, uptime_s
from agent.wire.spec import Scalar
from tests.agent.trees import PiTree


def home_of(root: Path, **board: Scalar) -> Home:
    """A home whose hardware lies under a root."""
    return Home(path=root, notes=BoardNotes(root=str(root), board=board))


@pytest.mark.parametrize(
    ("revision", "kind"),
    [
        ("902120", "pi0-2w"), ("a02082", "pi3"), ("a020d3", "pi3+"), ("9020e0", "pi3+"), ("c03111", "pi4"),
        ("d03114", "pi4"), ("c03115", "pi4"), ("c03130", "pi400"), ("d03140", "cm4"), ("c04170", "pi5"),
        ("d04171", "pi5"), ("d04190", "pi500"), ("b041a0", "cm5"), ("2c04170", "pi5"), ("c04ff0", "pi-0xff"),
        ("000e", "pi1"), ("", "host"), (None, "host"), ("none", "host"),
    ],
)  # fmt: skip
def test_a_board_is_grouped_by_the_type_in_its_revision(revision: str | None, kind: str) -> None:
    assert decode_board_type(revision) == kind


@pytest.mark.parametrize("memory", range(8))
@pytest.mark.parametrize("revision", range(4))
def test_memory_and_revision_do_not_change_the_type(memory: int, revision: int) -> None:
    assert decode_board_type(f"{1 << 23 | memory << 20 | 4 << 12 | 0x17 << 4 | revision:x}") == "pi5"


def test_a_pi_tells_what_it_is(tmp_path: Path) -> None:
    PiTree(tmp_path).install_vcgencmd()
    facts = read_facts(home_of(tmp_path))
    assert facts["board"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert facts["board_type"] == "pi5"
    assert facts["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert facts["governor"] == "performance"
    assert facts["clock_max_hz"] == 2_400_000_000
    assert facts["fan_pwm"] == 125
    assert str(facts["firmware"]).startswith("2024/09/23 14:02:56")
    assert serial(home_of(tmp_path)) == "10000000abcdef12"


def test_a_model_may_stand_where_the_device_tree_really_is(tmp_path: Path) -> None:
    tree = PiTree(tmp_path)
    (tmp_path / "proc/device-tree/model").unlink()
    tree.put("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    assert board_text(tmp_path) == "Raspberry Pi 4 Model B Rev 1.4"


def test_anything_else_is_a_host(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    assert board_type(home) == "host"
    assert board_text(tmp_path).endswith(" host")
    assert serial(home) is None


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    facts = read_facts(home_of(tmp_path))
    assert not {"governor", "firmware", "revision", "fan_pwm", "clock_max_hz"} & set(facts)
    assert facts["cores"] == os.cpu_count()
    assert isinstance(facts["memory_bytes"], int)


def test_what_the_owner_says_replaces_what_was_read(tmp_path: Path) -> None:
    PiTree(tmp_path)
    home = home_of(tmp_path, serial="sim-7", governor="ondemand", room="lab")
    assert serial(home) == "sim-7"
    assert {"governor": "ondemand", "room": "lab"}.items() <= read_facts(home).items()


def test_a_boot_has_one_id(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    assert boot_id(home) == boot_id(home) != ""
    assert boot_id(home_of(tmp_path, boot_id="sim-boot-2")) == "sim-boot-2"


def test_a_machine_has_one_id_whatever_it_simulates(tmp_path: Path) -> None:
    assert machine_id() == machine_id() != ""


@pytest.mark.parametrize(("kernel", "emulated"), [(os.uname().machine, False), ("riscv64", True), ("", False)])
def test_a_kernel_of_another_processor_gives_an_emulator_away(tmp_path: Path, kernel: str, emulated: bool) -> None:
    (tmp_path / "arch").write_text(f"{kernel}\n")
    assert is_emulated(tmp_path / "arch") is emulated


def test_a_kernel_that_does_not_tell_accuses_nobody(tmp_path: Path) -> None:
    assert not is_emulated(tmp_path / "arch")


def test_a_program_of_32_bits_is_at_home_on_a_kernel_of_64() -> None:
    assert processor_family("armv7l") == processor_family("armv8l") == processor_family("aarch64")
    assert processor_family("i686") == processor_family("x86_64") != processor_family("aarch64")


def test_the_uptime_grows() -> None:
    first, second = uptime_s(), uptime_s()
    assert first is not None and second is not None and second >= first > 0


def test_what_a_link_or_a_disk_is_may_be_unknown(tmp_path: Path) -> None:
    assert link(tmp_path) in ("cable", None)
    assert storage(tmp_path, tmp_path) is None
