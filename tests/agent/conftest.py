"""The agent's bundle, built once, and a board whose every process is gone afterwards."""

import shutil
import zipapp
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
from tests.agent.board import Board
from tests.agent.onnx_models import save_affine
from tests.agent.specs import BUNDLE_HASH


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent as a zipapp, as it is run on a board."""
    source = tmp_path_factory.mktemp("bundle")
    package = Path(next(iter(agent.__path__)))
    shutil.copytree(package, source / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("bundles") / f"{BUNDLE_HASH}.pyz"
    zipapp.create_archive(source, target, main="agent.__main__:main")
    return target


@pytest.fixture
def board(tmp_path: Path, bundle: Path) -> Iterator[Board]:
    """A board with a staged model and no sensors."""
    made = Board(home=tmp_path / "home", bundle=bundle)
    made.artifact.mkdir(parents=True)
    made.note(root=str(tmp_path / "root"))
    save_affine(made.artifact / "model.onnx")
    save_affine(made.artifact / "slow.onnx", width=512, layers=8)
    yield made
    made.end_all()
