"""Whatever the farm writes is its owner's alone, whatever umask it was started with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.onnx_models import save_affine
from tests.privacy import LOOSE_UMASK, open_to_others

pytestmark = pytest.mark.integration
SECRET = "s3cret-of-the-farm"


def pifarm(home: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A command of a person with the usual umask."""
    environment = {"PATH": os.defpath, "HOME": str(home.parent), "PIFARM_HOME": str(home), **settings}
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        capture_output=True, text=True, check=False, umask=LOOSE_UMASK, env=environment, cwd=home.parent, timeout=120,
    )  # fmt: skip


def test_a_used_state_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    save_affine(tmp_path / "affine.onnx")
    for command in ("key", "device add here --local", "model add affine affine.onnx", "submit affine", "status"):
        done = pifarm(home, *command.split())
        assert done.returncode == 0, done.stderr
    assert {"keys", "artifacts", "bundles", "local", "pifarm.db"} <= {path.name for path in home.iterdir()}
    assert open_to_others(home) == []


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("PIFARM_DATABASE_URL", f"postgresql+psycopg://farm:{SECRET}@127.0.0.1:1/farm"),
        ("PIFARM_DATABASE_URL", f"nonsense://farm:{SECRET}@127.0.0.1:1/farm"),
        ("PIFARM_BROKER_URL", f"redis://:{SECRET}@127.0.0.1:1/0"),
        ("PIFARM_BROKER_URL", f"nonsense://:{SECRET}@127.0.0.1:1/0"),
    ],
)
def test_no_message_holds_the_password_of_a_url(tmp_path: Path, setting: str, url: str) -> None:
    for command in ("status", "device list", "study watch 1"):
        done = pifarm(tmp_path / "home", *command.split(), **{setting: url})
        assert SECRET not in done.stdout + done.stderr, command


def test_no_message_holds_the_private_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert re.fullmatch(r"ssh-ed25519 \S+ pifarm\n", pifarm(home, "key").stdout)
    key = home / "keys" / "farm_ed25519"
    body = key.read_text().splitlines()[1]
    key.write_text(key.read_text().replace("OPENSSH", "0PENSSH"))
    done = pifarm(home, "key")
    assert done.returncode == 2 and body not in done.stderr
