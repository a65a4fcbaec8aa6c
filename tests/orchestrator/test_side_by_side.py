"""Groups of two regimes as one table, each variant on one line."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestrator.queries.leaderboard_rows import LeaderboardRow, OtherRegime
from orchestrator.side_by_side import Pairing, sections
from orchestrator.text import row_text
from tests.examples import make_group, make_row

COLD, HOT = make_group(), make_group(regime="sustained", protocol="sustained")


def other_regime(row: LeaderboardRow) -> OtherRegime:
    return OtherRegime(
        regime=row.regime, protocol=row.protocol, rank=row.rank, tied_with=row.tied_with, median_ms=row.median_ms
    )


def pair(**changes: Any) -> list[LeaderboardRow]:
    """Two variants while cold; one of them once hot."""
    hot = make_row(HOT, variant="a", median_ms=20.0)
    cold = [
        make_row(COLD, variant="a", rank=2, other_regime=other_regime(hot), **changes),
        make_row(COLD, variant="b", rank=1),
    ]
    return [*cold, replace(hot, other_regime=other_regime(cold[0]))]


def titles(found: Iterator[Any]) -> list[str]:
    return ["pair" if isinstance(each, Pairing) else each[0].protocol for each in found]


def test_two_groups_that_name_each_other_are_one_section() -> None:
    (found,) = sections(pair())
    assert isinstance(found, Pairing)
    assert [(line.variant, line.burst is None, line.sustained is None) for line in found.lines] == [
        ("a", False, False),
        ("b", False, True),
    ]
    assert [line.either.variant for line in found.lines] == ["a", "b"]


def test_a_group_whose_counterpart_stands_for_another_one_stays_alone() -> None:
    rows = pair()
    quick = make_row(make_group(protocol="quick"), variant="a", other_regime=other_regime(rows[-1]))
    assert titles(sections([quick, *rows])) == ["quick", "pair"]


def test_one_regime_alone_stays_as_it_is() -> None:
    rows = pair()
    assert titles(sections(rows[:2])) == ["standard"]
    assert titles(sections([make_row(COLD), make_row(HOT)])) == ["standard", "sustained"]


def test_a_flip_is_told_from_either_side_by_short_names() -> None:
    cold = make_row(COLD, variant="fp32@onnxruntime,t4", flips=("int8@onnxruntime,t4",))
    hot = make_row(HOT, variant="int8@onnxruntime,t4", flips=("fp32@onnxruntime,t4",))
    names = {"int8@onnxruntime,t4": "int8", "fp32@onnxruntime,t4": "fp32"}
    assert row_text.line_flips(cold, None, names) == "faster than int8 once hot"
    assert row_text.line_flips(None, hot, names) == "faster than fp32 while cold"
    assert row_text.line_flips(make_row(COLD), make_row(HOT), names) == ""
