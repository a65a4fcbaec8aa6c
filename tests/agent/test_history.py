"""The board's own memory of its attempts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.history import HISTORY, MAX_BYTES, OLDER, Happening, Teller, read_history, was_told
from agent.processes import ProcessId
from agent.wire.records import Ended, Fault, Outcome
from agent.wire.spec import Fence

AGENT, MEASURING = ProcessId(pid=10, started="100"), ProcessId(pid=11, started="101")
KILLED = Ended(at_ns=1, outcome=Outcome.FAILED, fault=Fault.DEVICE, code="killed:SIGKILL")


def teller(home: Path, run_id: str = "run1", attempt: int = 1) -> Teller:
    return Teller(home=home, run_id=run_id, attempt=attempt, fence=Fence(farm_id="farm-a", number=3), boot_id="boot")


def test_an_attempt_is_told_from_claim_to_end(tmp_path: Path) -> None:
    tell = teller(tmp_path)
    tell.claimed(AGENT)
    tell.measuring(MEASURING)
    tell.ended(AGENT, KILLED, 5000)
    lines = list(read_history(tmp_path))
    assert [line.happening for line in lines] == [Happening.CLAIMED, Happening.MEASURING, Happening.ENDED]
    assert [line.process for line in lines] == [AGENT, MEASURING, AGENT]
    assert {(line.run_id, line.attempt, line.fence.number, line.boot_id) for line in lines} == {("run1", 1, 3, "boot")}
    assert (lines[-1].outcome, lines[-1].code, lines[-1].monotonic_ns) == ("failed", "killed:SIGKILL", 5000)


def test_a_board_without_a_past_has_claimed_nothing(tmp_path: Path) -> None:
    assert list(read_history(tmp_path)) == []
    assert not was_told(tmp_path, Happening.CLAIMED, "run1", 1)


def test_only_that_very_attempt_was_claimed(tmp_path: Path) -> None:
    teller(tmp_path, "run1", 2).claimed(AGENT)
    teller(tmp_path, "run3", 1).measuring(MEASURING)
    asked = [("run1", 2), ("run1", 1), ("run", 2), ("run3", 1)]
    assert [was_told(tmp_path, Happening.CLAIMED, *attempt) for attempt in asked] == [True, False, False, False]


@given(kept=st.integers(min_value=0, max_value=400))
def test_a_line_that_a_power_cut_tore_costs_itself_alone(kept: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    teller(home, "first").claimed(AGENT)
    whole = (home / HISTORY).read_bytes()
    teller(home, "torn").claimed(AGENT)
    both = (home / HISTORY).read_bytes()
    (home / HISTORY).write_bytes(both[: min(len(whole) + kept, len(both) - 2)])
    teller(home, "last").claimed(AGENT)
    assert [line.run_id for line in read_history(home)] == ["first", "last"]


def test_it_is_kept_to_two_files_and_remembers_the_older_one(tmp_path: Path) -> None:
    teller(tmp_path, "long-ago").claimed(AGENT)
    with (tmp_path / HISTORY).open("ab") as file:
        file.write(b"\n" * MAX_BYTES)
    teller(tmp_path, "now").claimed(AGENT)
    assert was_told(tmp_path, Happening.CLAIMED, "long-ago", 1)
    assert was_told(tmp_path, Happening.CLAIMED, "now", 1)
    assert (tmp_path / HISTORY).stat().st_size < MAX_BYTES < (tmp_path / OLDER).stat().st_size


def test_only_the_claim_insists_on_being_kept(tmp_path: Path) -> None:
    nowhere = tmp_path / "no such folder"
    with pytest.raises(OSError, match="No such file"):
        teller(nowhere).claimed(AGENT)
    teller(nowhere).measuring(MEASURING)
    teller(nowhere).ended(AGENT, KILLED, 5000)
