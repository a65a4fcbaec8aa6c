"""Which artifacts a board gives up when room is needed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.boards.quota import choose_to_remove
from orchestrator.transport.errands import StagedArtifact
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard

IDS = ("a", "b", "c", "d")


def staged(**sizes_bytes: int) -> list[StagedArtifact]:
    return [StagedArtifact(artifact_id=name, size_bytes=size, complete=True) for name, size in sizes_bytes.items()]


def test_nothing_goes_while_there_is_room() -> None:
    assert choose_to_remove(staged(a=4, b=4), {"a": 1.0, "b": 2.0}, (), 8) == []


def test_the_least_recently_used_goes_first_and_no_more_than_needed() -> None:
    assert choose_to_remove(staged(a=4, b=4, c=4), {"a": 3.0, "b": 1.0, "c": 2.0}, (), 8) == ["b"]
    assert choose_to_remove(staged(a=4, b=4, c=4), {"a": 3.0, "b": 1.0, "c": 2.0}, (), 7) == ["b", "c"]


def test_what_this_farm_never_used_goes_before_what_it_did() -> None:
    assert choose_to_remove(staged(a=4, b=4), {"a": 1.0}, (), 4) == ["b"]


def test_what_a_run_waits_for_stays_even_over_the_quota() -> None:
    assert choose_to_remove(staged(a=4, b=4), {"a": 1.0, "b": 2.0}, ("a", "b"), 0) == []


@given(
    st.dictionaries(st.sampled_from(IDS), st.integers(1, 100)),
    st.dictionaries(st.sampled_from(IDS), st.floats(0, 1e6)),
    st.sets(st.sampled_from(IDS)),
    st.integers(0, 400),
)
def test_the_rest_fits_unless_only_waiting_ones_are_left(
    sizes: dict[str, int], used_at_s: dict[str, float], waiting: set[str], room_bytes: int
) -> None:
    going = choose_to_remove(staged(**sizes), used_at_s, waiting, room_bytes)
    rest = set(sizes) - set(going)
    assert not waiting & set(going)
    assert sum(sizes[name] for name in rest) <= room_bytes or rest <= waiting


def test_a_full_board_gives_up_what_no_run_waits_for_before_a_new_model_comes(
    yard: Yard, board: PretendedBoard
) -> None:
    submit(yard, variants=("fp32",))
    yard.work()
    first = {name for name in board.files if name.startswith("artifacts/")}
    yard.farm = replace(yard.farm, settings=yard.farm.settings.model_copy(update={"artifact_quota_bytes": 0}))
    submit(yard, variants=("int8",))
    yard.work()
    assert first and not first & board.files
    assert any(name.startswith("artifacts/") for name in board.files), "the artifact that was waited for stays"
