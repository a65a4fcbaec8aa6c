"""What the agent writes is its owner's alone, whatever umask it was started with."""

import os

import pytest

from agent.wire.records import Outcome
from tests.agent.board import Board, ended
from tests.agent.specs import make_spec
from tests.privacy import LOOSE_UMASK, open_to_others

pytestmark = pytest.mark.integration


def test_a_used_farm_folder_of_a_board_is_its_owners_alone(board: Board) -> None:
    previous = os.umask(LOOSE_UMASK)
    try:
        assert ended(board.run(make_spec())).outcome is Outcome.COMPLETED
        board.probe("--take-over", "farm-b:7")
    finally:
        os.umask(previous)
    runs = board.home / "runs"
    assert (runs / "run1.1" / "journal.jsonl").exists()
    assert open_to_others(runs) == []
    assert [path for path in open_to_others(board.home) if path.startswith("fence")] == []
