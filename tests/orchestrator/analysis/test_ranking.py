"""Ranks: who is faster counts, ties are said, order within is by median."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.ranking import Candidate, pareto_front, rank
from tests.orchestrator.analysis.test_comparison import group, measured


def test_variants_that_are_told_apart_have_ranks_of_their_own() -> None:
    ranked = rank(measured(group(1.1, 4)))
    assert [(each.variant, each.rank, each.tied_with) for each in ranked] == [
        ("v0", 1, ()),
        ("v1", 2, ()),
        ("v2", 3, ()),
        ("v3", 4, ()),
    ]


def test_equals_share_a_rank_and_name_each_other() -> None:
    ranked = rank(measured({"a": 100.0, "b": 100.2, "slow": 150.0}))
    assert [each.rank for each in ranked] == [1, 1, 3]
    assert {each.variant: each.tied_with for each in ranked} == {"a": ("b",), "b": ("a",), "slow": ()}


def test_a_tie_need_not_be_transitive() -> None:
    ranked = rank(measured({"a": 100.0, "b": 103.0, "c": 106.0}, cv=0.003), margin=0.05)
    by_name = {each.variant: each for each in ranked}
    assert by_name["b"].tied_with == ("a", "c")
    assert by_name["a"].against["c"].answer in (Answer.FASTER, Answer.CANNOT_TELL)
    assert [each.rank for each in ranked] == sorted(each.rank for each in ranked)


def test_one_variant_alone_is_first() -> None:
    (only,) = rank(measured({"a": 100.0}))
    assert (only.rank, only.tied_with, only.against) == (1, (), {})


def test_no_run_is_no_ranking() -> None:
    assert rank([]) == ()


def test_the_center_of_one_board_lies_in_its_interval() -> None:
    (only,) = rank(measured({"a": 100.0}))
    assert only.interval is not None
    assert only.interval.low < only.center_ns < only.interval.high
    assert only.center_ns == pytest.approx(only.interval.center)


def test_several_boards_show_the_median_board_and_each_of_them() -> None:
    ranked = rank(measured({"a": 100.0}, devices=3))[0]
    assert sorted(ranked.by_device_ns.values())[1] == ranked.center_ns
    assert set(ranked.by_device_ns) == {"pi0", "pi1", "pi2"}
    assert ranked.interval is not None


def test_the_front_leaves_out_what_another_beats_in_everything() -> None:
    fast, accurate, beaten, copy = (
        Candidate(costs=(10, 5), accuracy=0.5),
        Candidate(costs=(20, 9), accuracy=0.7),
        Candidate(costs=(20, 9), accuracy=0.6),
        Candidate(costs=(10, 5), accuracy=0.5),
    )
    assert pareto_front([fast, accurate, beaten, copy]) == (True, True, False, True)


@given(st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=1, max_size=12))
def test_a_front_is_never_empty_and_does_not_depend_on_order(points: list[tuple[int, int, int]]) -> None:
    candidates = [Candidate(costs=(a, b), accuracy=c) for a, b, c in points]
    front = pareto_front(candidates)
    assert any(front)
    assert front == pareto_front(candidates[::-1])[::-1]
