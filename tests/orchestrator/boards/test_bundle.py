"""The same sources are the same bundle, wherever and whenever it is built, and it runs."""

import hashlib
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.wire.answers import Answer, RunState
from agent.wire.codec import loads
from orchestrator.boards.bundle import build_bundle
from orchestrator.errors import SpecError

PLUGIN = "def open_runtime():\n    raise ImportError('a runtime that is not there')\n"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A runtime plug-in."""
    file = tmp_path / "fancy.py"
    file.write_text(PLUGIN)
    return file


def test_a_bundle_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = build_bundle(tmp_path / "a"), build_bundle(tmp_path / "b")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.hash, first.sha256) == (second.hash, second.sha256)
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256
    assert first.target == f"bundles/{first.hash}.pyz" == f"bundles/{first.path.name}"


def test_a_bundle_answers_on_its_own(tmp_path: Path) -> None:
    bundle = build_bundle(tmp_path / "bundles")
    words = ["status", "--home", str(tmp_path), "--run", "r", "--attempt", "1"]
    done = subprocess.run([sys.executable, "-I", bundle.path, *words], capture_output=True, check=True)
    status = loads(Answer, done.stdout).status
    assert status is not None and status.state is RunState.UNKNOWN


def test_a_bundle_holds_the_agent_and_nothing_that_running_it_left(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_bundle(tmp_path).path) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {"__main__.py", "agent/__main__.py", "agent/wire/spec.py", "agent/runtimes/tiny.onnx"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", "/"))]


def test_a_plugin_travels_beside_the_agents_own_runtimes_and_changes_the_hash(tmp_path: Path, plugin: Path) -> None:
    plain, extended = build_bundle(tmp_path / "b"), build_bundle(tmp_path / "b", plugins=[plugin])
    assert plain.hash != extended.hash
    with zipfile.ZipFile(extended.path) as archive:
        assert archive.read("agent/runtimes/fancy.py").decode() == PLUGIN


@pytest.mark.parametrize("name", ["onnxruntime.py", "notes.txt", "two words.py", "missing.py"])
def test_what_cannot_be_a_plugin_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name != "missing.py":
        file.write_text(PLUGIN)
    with pytest.raises(SpecError, match="runtime plug-in"):
        build_bundle(tmp_path / "b", plugins=[file])


def test_two_plugins_of_one_name_are_refused(tmp_path: Path, plugin: Path) -> None:
    with pytest.raises(SpecError, match="another name"):
        build_bundle(tmp_path / "b", plugins=[plugin, plugin])


def test_a_damaged_bundle_is_made_again(tmp_path: Path) -> None:
    bundle = build_bundle(tmp_path)
    content = bundle.path.read_bytes()
    bundle.path.write_bytes(content[:-1])
    assert build_bundle(tmp_path).path.read_bytes() == content


def test_builders_at_the_same_moment_leave_one_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: build_bundle(tmp_path), range(4)))
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == [made.pop().path.name]
