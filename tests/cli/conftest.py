"""The command line in this process: a state home of its own for each test, what it printed, and how it ended."""

import json
import logging
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from orchestrator.cli import main
from orchestrator.config import Settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.farm import open_farm
from tests import factories
from tests.small_farm import add_device, add_model

Bad = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command printed and its exit code."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pifarm:
    """Runs commands as a shell would, in a state home that already has a database."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Ended:
        """Run one command."""
        self.monkeypatch.setattr(sys, "argv", ["pifarm", *arguments])
        self.capsys.readouterr()
        exit_code = run_main()
        out, err = self.capsys.readouterr()
        return Ended(exit_code=exit_code, out=out, err=err)

    def dump(self) -> list[str]:
        """The whole database as text."""
        with closing(sqlite3.connect(self.home / "pifarm.db")) as connection:
            return list(connection.iterdump())


def run_main() -> int:
    """`main` up to its exit code; its log ends with it, as with a process, for the stream that it goes to is closed."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    finally:
        if root.handlers != before:
            root.handlers[:] = before
            root.setLevel(level)
            logging.captureWarnings(False)
            structlog.reset_defaults()
    return 0


@pytest.fixture(scope="session")
def template_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state home with one device and one model of two variants, which tests copy."""
    home = tmp_path_factory.mktemp("template") / "home"
    farm = open_farm(Settings(home=home))
    add_device(farm.database, "pi5-kitchen", labels={"cooling": "fan"})
    add_model(farm.database)
    farm.database.engine.dispose()
    return home


@pytest.fixture
def home(template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for one test, found by the environment."""
    path = tmp_path / "home"
    shutil.copytree(template_home, path)
    monkeypatch.setenv("PIFARM_HOME", str(path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def pifarm(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pifarm:
    """The command line on a small farm."""
    return Pifarm(home=home, monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture
def database(pifarm: Pifarm) -> Iterator[Database]:
    """The farm's database."""
    opened = open_migrated(f"sqlite:///{pifarm.home / 'pifarm.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def complain(pifarm: Pifarm) -> Bad:
    """Runs a command that must be refused without a trace; gives its complaint."""

    def run(*arguments: str) -> str:
        before, files = pifarm.dump(), stored_files(pifarm)
        ended = pifarm(*arguments)
        assert ended.exit_code == 2, ended
        assert ended.out == ""
        assert ended.err.startswith("error: ")
        assert "Traceback" not in ended.err
        assert ended.err.count("\n") == 1, "one line"
        assert pifarm.dump() == before
        assert stored_files(pifarm) == files
        return ended.err

    return run


def stored_files(pifarm: Pifarm) -> set[Path]:
    """Model files and whatever else a refused command has no reason to leave; the agent's bundle is only a cache."""
    kept = ("pifarm.db", "farm_ed25519")
    files = (path for path in pifarm.home.rglob("*") if path.is_file() and path.parent.name != "bundles")
    return {path for path in files if not path.name.startswith(kept)}


@pytest.fixture
def measured(pifarm: Pifarm, database: Database) -> factories.Example:
    """A farm with a study that was measured on a real board and on a simulated one."""
    with database.write() as session:
        for table in ("builds", "artifacts", "models", "devices"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
    return factories.fill(database)


def read_json(pifarm: Pifarm, *arguments: str) -> Any:
    """The one document that a command prints, and nothing else."""
    ended = pifarm(*arguments, "--json")
    assert (ended.exit_code, ended.err) == (0, "")
    return json.loads(ended.out)
