"""A board is there for as long as somebody holds it, and then it never was."""

from pathlib import Path

import pytest

from tests.arm64.emulated_board import emulated_board

pytestmark = pytest.mark.arm64


def processes_in(root: Path) -> list[str]:
    """The processes whose root is that folder."""
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/root") if _leads_to(path) == root]


def _leads_to(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:
        return None


@pytest.mark.parametrize("options", [(), ("--offline",)])
def test_a_board_leaves_nothing_behind(tmp_path: Path, options: tuple[str, ...]) -> None:
    with emulated_board(tmp_path / "board", *options) as board:
        assert processes_in(board.root)
        assert board.fingerprint.startswith("SHA256:")
    assert processes_in(board.root) == []
    assert not board.root.exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text(encoding="utf-8")
