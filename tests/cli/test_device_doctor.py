"""What the doctor sets and puts back, where that fails: exit codes, and words that say what to do by hand."""

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from agent.home import open_home
from agent.tuning import is_prepared, prepare
from orchestrator.boards.bundle import build_bundle
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.farm import open_farm
from tests.agent.trees import PiTree
from tests.cli.conftest import Pifarm
from tests.small_farm import add_device, set_columns

POLICY = "sys/devices/system/cpu/cpufreq/policy0"
ORIGINAL = {"scaling_governor": "ondemand", "scaling_min_freq": "1500000", "scaling_max_freq": "2400000"}


def make_board(home: Path, tmp_path: Path) -> PiTree:
    """A farm folder at `home` on a board with a governor to set."""
    tree = PiTree(tmp_path / "tree")
    for name, text in ORIGINAL.items():
        tree.put(f"{POLICY}/{name}", f"{text}\n")
    home.mkdir(parents=True)
    (home / "board.json").write_text(json.dumps({"root": str(tree.root), "lock": str(tmp_path / "lock")}))
    return tree


def shown(tree: PiTree) -> dict[str, str]:
    """Governor and clocks as the kernel shows them."""
    return {name: (tree.root / POLICY / name).read_text().strip() for name in ORIGINAL}


@pytest.mark.integration
def test_a_fix_that_does_not_hold_ends_with_1_and_says_why(pifarm: Pifarm, database: Database, tmp_path: Path) -> None:
    tree = make_board(Settings(home=pifarm.home).local_dir, tmp_path)
    for name in ORIGINAL:
        (tree.root / POLICY / name).chmod(0o444)
    add_device(database, "here", address=None, host_key=None)
    ended = pifarm("device", "doctor", "here", "--fix", "--yes")
    assert ended.exit_code == 1
    assert "read-only; there is no sudo" in " ".join(ended.out.split())
    assert shown(tree) == ORIGINAL


def test_removing_a_prepared_board_that_is_away_says_how_it_is_restored_there(
    pifarm: Pifarm, database: Database, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        set_columns(
            database,
            DeviceRow,
            1,
            address=f"pi@127.0.0.1:{nobody.getsockname()[1]}",
            probe={"facts": {"prepared": True}},
        )
        ended = pifarm("device", "remove", "pi5-kitchen")
    assert (ended.exit_code, ended.err) == (0, "")
    said, removed = ended.out.splitlines()
    assert removed == "pi5-kitchen: removed"
    assert "could not be reached" in said and "it keeps the farm's settings until it is rebooted" in said
    restored_by(said.partition("on the board: ")[2], pifarm, tmp_path)


def restored_by(command: str, pifarm: Pifarm, tmp_path: Path) -> None:
    """A person types `command` on the board, and it is as its owner had it."""
    home = tmp_path / "pi/.pifarm"
    tree = make_board(home, tmp_path)
    prepare(open_home(home), load_s=0.0)
    bundle = build_bundle(home / "bundles")
    farm = open_farm(Settings(home=pifarm.home))
    farm.database.engine.dispose()
    assert shlex.split(command)[-2:] == ["--farm", farm.farm_id] and bundle.path.parent.name == "bundles"
    done = subprocess.run(
        ["sh", "-c", command],
        env={"HOME": str(home.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert shown(tree) == ORIGINAL and not is_prepared(open_home(home))
