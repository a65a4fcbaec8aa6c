"""A farm by its command line, and two boards: one that reaches a package index, one that reaches nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator import demo
from tests.arm64.emulated_board import EmulatedBoard, emulated_board, reason_against

ONLINE, PUSHED = "pi-online", "pi-pushed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command printed, how it ended, and how long it took."""

    exit_code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pifarm:
    """The `pifarm` program in a state home of its own. It shows what was typed and answered, to be read with -s."""

    home: Path

    def __call__(self, *words: str) -> Ended:
        """Run one command to its end, whichever that is."""
        program = Path(sys.executable).with_name("pifarm")
        environment = {**os.environ, "PIFARM_HOME": str(self.home)}
        began_s = time.monotonic()
        done = subprocess.run(
            [str(program), *words], capture_output=True, text=True, env=environment, timeout=1800, check=False
        )
        seconds = time.monotonic() - began_s
        answer = done.stderr + ("" if "--json" in words else done.stdout)
        sys.stdout.write(f"\n$ pifarm {' '.join(words)}\n{answer}# {seconds:.1f} s, exit code {done.returncode}\n")
        return Ended(exit_code=done.returncode, out=done.stdout, err=done.stderr, seconds=seconds)

    def ask(self, *words: str) -> Any:
        """The JSON document of a command that reads."""
        ended = self(*words, "--json")
        assert ended.exit_code == 0, ended.err
        return json.loads(ended.out)

    @property
    def key(self) -> Path:
        """The farm's private key."""
        return next(path for path in (self.home / "keys").iterdir() if path.suffix != ".pub")


@pytest.fixture(scope="session", autouse=True)
def _require_boards() -> None:
    """Skip everything, with the reason, on a machine where no board can be made; in CI that is a failure."""
    if reason := reason_against():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def pifarm(tmp_path_factory: pytest.TempPathFactory) -> Pifarm:
    """A new farm that knows the demo model."""
    farm = Pifarm(home=tmp_path_factory.mktemp("arm64") / "home")
    for variant in demo.demo_variants():
        words = ["--variant", variant.label, "--metric", f"accuracy={variant.accuracy}"]
        added = farm(
            "model", "add", demo.MODEL_NAME, str(variant.path), *words, *(["--baseline"] if variant.is_baseline else [])
        )
        assert added.exit_code == 0, added.err
    return farm


@pytest.fixture(scope="session")
def online_board(pifarm: Pifarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedBoard]:
    """A board that shares this machine's network, and trusts the farm's key."""
    line = pifarm("key").out.strip()
    with emulated_board(tmp_path_factory.mktemp("online"), "--authorize", line, "--sudo") as board:
        yield board


@pytest.fixture(scope="session")
def offline_board(pifarm: Pifarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedBoard]:
    """A board that reaches nothing but what connects to it."""
    line = pifarm("key").out.strip()
    with emulated_board(tmp_path_factory.mktemp("offline"), "--authorize", line, "--offline") as board:
        yield board


@pytest.fixture(scope="session")
def online(pifarm: Pifarm, online_board: EmulatedBoard) -> Ended:
    """The online board as a device of the farm, set up by what it fetched itself."""
    return add(pifarm, ONLINE, online_board, "--wheelhouse", "online")


@pytest.fixture(scope="session")
def pushed(pifarm: Pifarm, offline_board: EmulatedBoard) -> Ended:
    """The offline board as a device of the farm, set up by what was brought to it."""
    return add(pifarm, PUSHED, offline_board, "--wheelhouse", "pushed")


@pytest.fixture(scope="session")
def study(pifarm: Pifarm, online: Ended) -> int:
    """A study of all variants of the demo model on the online board, by the quick protocol as it is."""
    assert online.exit_code == 0
    document = pifarm.ask(
        "submit", demo.MODEL_NAME, "--device", ONLINE, "--protocol", "quick", "--threads", "1", "--wait"
    )
    return int(document["study"])


def add(pifarm: Pifarm, name: str, board: EmulatedBoard, *options: str) -> Ended:
    """Register a board by its true fingerprint."""
    return pifarm("device", "add", name, "--ssh", board.address, "--fingerprint", board.fingerprint, *options)
