"""The systemd units: they start what exists, fit the way the farm drains, and agree with each other and the docs."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli import BAD_INPUT
from orchestrator.config import Settings
from orchestrator.supervisor.supervise import DRAIN_S
from tests.docs.pages import ROOT, read_page
from tests.docs.test_commands import complaint

SYSTEMD = ROOT / "deploy" / "systemd"
PROGRAM = "/usr/local/lib/pifarm/bin/pifarm"
HOME, BACKUPS, ENVIRONMENT = "/var/lib/pifarm", "/var/backups/pifarm", "/etc/pifarm/environment"
ANALYZE = shutil.which("systemd-analyze")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit file: every value of every key, section by section not told apart."""

    path: Path
    values: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> "Unit":
        values: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "[")):
                key, _, value = line.partition("=")
                values.setdefault(key, []).append(value)
        return cls(path=path, values=values)

    def one(self, key: str) -> str:
        (value,) = self.values[key]
        return value

    @property
    def is_system(self) -> bool:
        return self.path.parent.name != "user"

    @property
    def command(self) -> str:
        """The command of ours that it starts, as a page would show it."""
        return self.one("ExecStart").rpartition("/bin/")[2]


UNITS = [Unit.read(path) for path in sorted(SYSTEMD.rglob("*.*"))]
SERVICES = [unit for unit in UNITS if unit.path.suffix == ".service"]
LASTING = [unit for unit in SERVICES if unit.one("Type") == "exec"]
SYSTEM = [unit for unit in SERVICES if unit.is_system]


def name_of(unit: Unit) -> str:
    return str(unit.path.relative_to(SYSTEMD))


@pytest.mark.parametrize("unit", SERVICES, ids=name_of)
def test_a_service_starts_a_command_that_exists(unit: Unit) -> None:
    assert complaint(unit.command) is None


@pytest.mark.parametrize("unit", LASTING, ids=name_of)
def test_stopping_a_service_leaves_time_to_drain(unit: Unit) -> None:
    assert unit.one("KillMode") == "mixed", "the supervisor alone is asked, it drains its parts"
    assert unit.one("KillSignal") == "SIGTERM"
    assert float(unit.one("TimeoutStopSec")) >= DRAIN_S + 10


@pytest.mark.parametrize("unit", LASTING, ids=name_of)
def test_a_wrong_setting_is_not_tried_for_ever(unit: Unit) -> None:
    assert unit.one("RestartPreventExitStatus") == str(BAD_INPUT)


@pytest.mark.parametrize("unit", SERVICES, ids=name_of)
def test_what_a_service_writes_is_its_users_alone(unit: Unit) -> None:
    assert unit.one("UMask") == "0077"
    assert unit.one("NoNewPrivileges") == "yes"


@pytest.mark.parametrize("unit", SYSTEM, ids=name_of)
def test_a_system_service_runs_as_its_own_user_on_one_home(unit: Unit) -> None:
    assert unit.one("ExecStart").split()[0] == PROGRAM
    assert (unit.one("User"), unit.one("StateDirectoryMode")) == ("pifarm", "0700")
    assert f"/var/lib/{unit.one('StateDirectory')}" == HOME
    assert f"PIFARM_HOME={HOME}" in unit.values["Environment"]
    assert unit.one("EnvironmentFile").removeprefix("-") == ENVIRONMENT
    assert unit.one("ProtectSystem") == "strict"


def test_the_parts_of_a_split_farm_are_confined_as_the_whole_one_is() -> None:
    whole, *_ = (unit for unit in SYSTEM if unit.command == "pifarm up")
    confining = {
        key for key in whole.values if key.startswith(("Protect", "Private", "Restrict", "Capability", "Lock"))
    }
    parts = [unit for unit in SYSTEM if unit.path.parent.name == "split"]
    assert {unit.command for unit in parts} == {"pifarm worker", "pifarm tick", "pifarm dashboard"}
    for unit in parts:
        assert {key: unit.values[key] for key in confining} == {key: whole.values[key] for key in confining}


def test_units_that_are_named_exist() -> None:
    ours = {unit.path.name for unit in UNITS}
    for unit in UNITS:
        named = {name for values in unit.values.values() for value in values for name in value.split()}
        named = {name for name in named if re.fullmatch(r"pifarm[a-z-]*\.(service|target|timer)", name)}
        assert named <= ours
    timer = next(unit for unit in UNITS if unit.path.suffix == ".timer")
    assert timer.path.with_suffix(".service").name in ours


def test_the_backup_goes_where_it_may_write() -> None:
    unit = next(unit for unit in SERVICES if "backup" in unit.command)
    assert BACKUPS in unit.command
    assert BACKUPS in unit.values["ReadWritePaths"]


def test_the_example_of_an_environment_names_settings() -> None:
    lines = (ROOT / "deploy" / "environment.example").read_text(encoding="utf-8").splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert {name.removeprefix("PIFARM_").lower() for name in names} <= set(Settings.model_fields)


def test_the_page_for_operators_installs_what_the_units_expect() -> None:
    text = read_page("docs/operations.md").text
    for path in (PROGRAM.removesuffix("/bin/pifarm"), HOME, BACKUPS, ENVIRONMENT):
        assert path in text
    for unit in UNITS:
        assert unit.path.name in text or unit.path.parent.name in text


if ANALYZE is not None:

    def test_systemd_takes_the_units(tmp_path: Path) -> None:
        for unit in UNITS:
            if unit.is_system:
                text = unit.path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
                (tmp_path / unit.path.name).write_text(text, encoding="utf-8")
        files = sorted(str(path) for path in tmp_path.iterdir())
        done = subprocess.run([str(ANALYZE), "verify", "--man=no", *files], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
