"""Whatever the farm writes is its owner's alone, whatever umask it was started with; what it says holds no secret."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.onnx_models import save_affine
from tests.cli.conftest import Pifarm
from tests.privacy import LOOSE_UMASK, open_to_others

pytestmark = pytest.mark.integration
SECRET = "s3cret-of-the-farm"


@pytest.fixture
def new_home(pifarm: Pifarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands make a state home of their own."""
    monkeypatch.setenv("PIFARM_HOME", str(tmp_path / "new"))
    return tmp_path / "new"


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """That of a person who types a command."""
    before = os.umask(LOOSE_UMASK)
    yield
    os.umask(before)


def test_a_used_state_home_is_its_owners_alone(pifarm: Pifarm, new_home: Path, usual_umask: None) -> None:
    save_affine(Path("affine.onnx"))
    for command in ("key", "device add here --local", "model add affine affine.onnx", "submit affine", "status"):
        os.umask(LOOSE_UMASK)
        ended = pifarm(*command.split())
        assert ended.exit_code == 0, ended.err
    assert {"keys", "artifacts", "bundles", "local", "pifarm.db"} <= {path.name for path in new_home.iterdir()}
    assert open_to_others(new_home) == []


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("PIFARM_DATABASE_URL", f"postgresql+psycopg://farm:{SECRET}@127.0.0.1:1/farm"),
        ("PIFARM_DATABASE_URL", f"nonsense://farm:{SECRET}@127.0.0.1:1/farm"),
        ("PIFARM_BROKER_URL", f"redis://:{SECRET}@127.0.0.1:1/0"),
        ("PIFARM_BROKER_URL", f"nonsense://:{SECRET}@127.0.0.1:1/0"),
    ],
)
def test_no_message_holds_the_password_of_a_url(
    pifarm: Pifarm, monkeypatch: pytest.MonkeyPatch, setting: str, url: str
) -> None:
    monkeypatch.setenv(setting, url)
    for command in ("status", "device list", "study watch 1"):
        ended = pifarm(*command.split())
        assert SECRET not in ended.out + ended.err, command


def test_no_message_holds_the_private_key(pifarm: Pifarm, new_home: Path) -> None:
    assert re.fullmatch(r"ssh-ed25519 \S+ pifarm\n", pifarm("key").out)
    key = new_home / "keys" / "farm_ed25519"
    body = key.read_text().splitlines()[1]
    key.write_text(key.read_text().replace("OPENSSH", "0PENSSH"))
    ended = pifarm("key")
    assert ended.exit_code == 2 and body not in ended.err
