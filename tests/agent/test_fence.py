"""The fence: who may speak to a board. The rules are a table; the model is a pair of owner and number."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import RefusedError
from agent.fence import admit, read_fence, require_owner, take_over
from agent.wire.answers import RefusedBecause
from agent.wire.spec import Fence

FENCES = st.builds(Fence, farm_id=st.sampled_from(["a", "b"]), number=st.integers(0, 5))


def fence(farm_id: str, number: int) -> Fence:
    """A fence in short."""
    return Fence(farm_id=farm_id, number=number)


def test_the_first_farm_becomes_the_owner(tmp_path: Path) -> None:
    assert read_fence(tmp_path) is None
    admit(tmp_path, fence("a", 3))
    assert read_fence(tmp_path) == fence("a", 3)


def test_a_board_answers_its_owner_and_one_of_nobody_answers_all(tmp_path: Path) -> None:
    require_owner(tmp_path, "b")
    admit(tmp_path, fence("a", 3))
    require_owner(tmp_path, "a")
    with pytest.raises(RefusedError) as caught:
        require_owner(tmp_path, "b")
    assert (caught.value.because, caught.value.owner) == (RefusedBecause.OWNED, "a")
    assert read_fence(tmp_path) == fence("a", 3), "asking changes nothing"


@pytest.mark.parametrize("number", [3, 4, 99])
def test_an_equal_or_higher_number_is_admitted_and_remembered(tmp_path: Path, number: int) -> None:
    admit(tmp_path, fence("a", 3))
    admit(tmp_path, fence("a", number))
    assert read_fence(tmp_path) == fence("a", number)


def test_a_lower_number_is_stale_and_learns_the_boards(tmp_path: Path) -> None:
    admit(tmp_path, fence("a", 3))
    with pytest.raises(RefusedError) as caught:
        admit(tmp_path, fence("a", 2))
    assert (caught.value.because, caught.value.number) == (RefusedBecause.STALE_FENCE, 3)
    assert read_fence(tmp_path) == fence("a", 3)


@pytest.mark.parametrize("number", [0, 3, 99])
def test_another_farm_is_refused_whatever_its_number(tmp_path: Path, number: int) -> None:
    admit(tmp_path, fence("a", 3))
    with pytest.raises(RefusedError) as caught:
        admit(tmp_path, fence("b", number))
    assert (caught.value.because, caught.value.owner) == (RefusedBecause.OWNED, "a")


def test_a_take_over_starts_the_count_anew(tmp_path: Path) -> None:
    admit(tmp_path, fence("a", 30))
    take_over(tmp_path, fence("b", 1))
    admit(tmp_path, fence("b", 1))
    with pytest.raises(RefusedError, match="owned by farm b"):
        admit(tmp_path, fence("a", 31))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"farm_id": "a"}', '{"farm_id": "a", "number": -1}', "\0\0\0"])
def test_an_unreadable_fence_is_an_error_and_never_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "fence.json").write_text(text)
    with pytest.raises(RefusedError) as caught:
        admit(tmp_path, fence("a", 99))
    assert caught.value.because is RefusedBecause.FENCE_UNREADABLE
    assert (tmp_path / "fence.json").read_text() == text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_fence_that_finds_no_room_is_refused_and_leaves_the_old_one(tmp_path: Path) -> None:
    admit(tmp_path, fence("a", 3))
    (tmp_path / f".fence.json.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(RefusedError, match=r"No space left on device; \d+ bytes are free") as caught:
        admit(tmp_path, fence("a", 4))
    assert caught.value.because is RefusedBecause.NO_SPACE
    assert read_fence(tmp_path) == fence("a", 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fence.json", "fence.lock"], "no part of it is left"


def test_a_fence_that_cannot_be_written_for_another_reason_does_not_say_that_the_disk_is_full(tmp_path: Path) -> None:
    part = tmp_path / f".fence.json.{os.getpid()}"
    part.symlink_to(part)
    with pytest.raises(OSError, match="symbolic links"):
        admit(tmp_path, fence("a", 4))


@given(asked=st.lists(FENCES, max_size=12))
def test_the_board_follows_the_rules_whoever_asks_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Fence]
) -> None:
    home = tmp_path_factory.mktemp("home")
    owner: Fence | None = None
    for candidate in asked:
        allowed = owner is None or (candidate.farm_id == owner.farm_id and candidate.number >= owner.number)
        try:
            admit(home, candidate)
        except RefusedError:
            assert not allowed
        else:
            assert allowed
            owner = candidate
        assert read_fence(home) == owner
