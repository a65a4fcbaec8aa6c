"""What gates learnt of a board's cooling, kept in the agent's home."""

from pathlib import Path

import pytest

from agent.cooling import NOTHING, Prior
from agent.home import open_home
from agent.remembered import recall_cooling, remember_cooling

LEARNT = Prior(asymptote_c=45.0, asymptote_error_c=1.2, log_tau=5.0, log_tau_error=0.1)


def test_what_was_learnt_is_known_to_the_next_gate(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    assert recall_cooling(home) == NOTHING
    remember_cooling(home, LEARNT)
    assert recall_cooling(home) == LEARNT


def test_nothing_learnt_leaves_no_file(tmp_path: Path) -> None:
    remember_cooling(open_home(tmp_path), NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}x", '{"log_tau_error":0}', '{"log_tau":99}', '{"other":1}'])
def test_a_file_that_cannot_be_understood_is_no_knowledge(tmp_path: Path, content: str) -> None:
    (tmp_path / "cooling.json").write_text(content)
    assert recall_cooling(open_home(tmp_path)) == NOTHING


def test_a_disk_that_takes_nothing_costs_no_run(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    (tmp_path / "cooling.json").mkdir()
    remember_cooling(home, LEARNT)
    assert recall_cooling(home) == NOTHING
