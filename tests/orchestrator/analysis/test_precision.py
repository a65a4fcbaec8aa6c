"""How narrow intervals are, and when more blocks are of no use; and what intervals found this way cover."""

import math
from collections.abc import Hashable

import pytest

from benchmarks.until_ci import Cell, coverage
from orchestrator.analysis.comparison import Observation, compare
from orchestrator.analysis.latency import interval_of_medians
from orchestrator.analysis.precision import measure_precision
from orchestrator.analysis.stopping import Precision, Stop, stated_coverage, why_stop

A: dict[Hashable, float] = {0: 10.0, 1: 10.2, 2: 9.9, 3: 10.1}
B: dict[Hashable, float] = {0: 20.0, 1: 20.1, 2: 20.3, 3: 20.0}
ALL: frozenset[Hashable] = frozenset(range(4))


def test_of_two_variants_it_is_the_interval_that_a_comparison_shows() -> None:
    observations = [
        Observation(variant=name, device="here", block=block, median_ns=value)
        for name, own in (("a", A), ("b", B))
        for block, value in own.items()
    ]
    shown = compare(observations, "a", "b")
    assert shown.high is not None
    assert shown.ratio is not None
    found = measure_precision({"a": A, "b": B}, ALL)
    assert found.half_width == pytest.approx(shown.high / shown.ratio - 1)


def test_of_one_variant_it_is_the_interval_of_its_median() -> None:
    interval = interval_of_medians(list(A.values()))
    assert interval is not None
    assert measure_precision({"a": A}, ALL).half_width == pytest.approx(interval.high / interval.center - 1)


def test_blocks_that_only_one_has_do_not_make_it_narrower() -> None:
    more: dict[Hashable, float] = {**A, 4: 10.0, 5: 10.0}
    common = measure_precision({"a": A, "b": B}, ALL).half_width
    assert measure_precision({"a": more, "b": B}, ALL).half_width == pytest.approx(common)


@pytest.mark.parametrize("medians", [{"a": {0: 10.0}}, {"a": {0: 10.0}, "b": {1: 10.0}}, {"a": A, "b": {0: 10.0}}])
def test_without_two_common_blocks_there_is_no_interval(medians: dict[str, dict[Hashable, float]]) -> None:
    assert measure_precision(medians, ALL).half_width is None


def test_who_gave_nothing_of_late_is_left_out() -> None:
    found = measure_precision({"a": A, "old": {0: 1.0}, "never": {}}, frozenset({2, 3}))
    assert (found.compared, found.left_out) == (("a",), ("old", "never"))


@pytest.mark.parametrize(
    ("half_width", "compared", "blocks", "expected"),
    [
        (0.009, ("a",), 8, Stop.NARROW),
        (0.009, ("a",), 40, Stop.NARROW),
        (0.011, ("a",), 39, None),
        (0.011, ("a",), 40, Stop.LIMIT),
        (None, ("a",), 8, None),
        (None, (), 8, Stop.NOTHING),
    ],
)
def test_the_width_alone_decides(
    half_width: float | None, compared: tuple[str, ...], blocks: int, expected: Stop | None
) -> None:
    precision = Precision(half_width=half_width, compared=compared, left_out=())
    assert why_stop(precision, wanted=0.01, blocks=blocks, max_blocks=40) is expected


def test_fewer_blocks_at_first_cover_less_and_more_are_not_promised_more() -> None:
    assert [stated_coverage(start) for start in (1, 2, 4, 5, 8, 50)] == [0.87, 0.87, 0.90, 0.92, 0.93, 0.93]


def test_intervals_found_by_looking_cover_about_as_much_as_is_stated() -> None:
    studies, stated = 250, stated_coverage(8)
    covered, blocks = coverage(Cell(variants=2, cv=0.01, wanted=0.01), studies, seed=3)
    assert abs(covered - stated) < 3 * math.sqrt(stated * (1 - stated) / studies)
    assert 9 < blocks < 13
