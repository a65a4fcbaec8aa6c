"""The search for the highest rate on a few simulated boards; `python -m benchmarks.pace_truth` takes many."""

import pytest

from benchmarks.pace_truth.judged import judge, search_on
from benchmarks.pace_truth.steps import busiest, true_rate
from benchmarks.thermal_truth.soaks import specimen
from orchestrator.analysis.rate_search import Search, Stop

SEARCH = Search()


@pytest.mark.integration
@pytest.mark.parametrize(("name", "latency_s"), [("pi4-bare", 0.5), ("zero2w", 1.0), ("pi4-fan", 0.5)])
def test_a_search_ends_within_its_share_of_what_the_board_really_holds(name: str, latency_s: float) -> None:
    found = search_on(specimen(name, 2), SEARCH, latency_s, 0.5 / latency_s, 2)
    assert found.stop is Stop.FOUND and len(found.steps) <= 8
    assert found.error is not None and abs(found.error) <= SEARCH.within
    near, *_ = judge([found], SEARCH, "here")
    assert near.ours.center == 1.0 and near.is_met


def test_the_true_rate_falls_with_the_room_and_with_the_time_of_an_inference() -> None:
    bare = specimen("pi4-bare", 1)
    assert true_rate(bare, 0.5, 20.0) > true_rate(bare, 0.5, 25.0) > true_rate(bare, 0.5, 30.0)
    in_pulses = true_rate(bare, 0.5) / (2 * true_rate(bare, 1.0))
    assert 1.0 < in_pulses < 1.02, "long inferences heat in pulses, whose peaks throttle a little sooner"


def test_a_cooled_board_is_bound_by_its_deadlines_alone() -> None:
    assert 0.8 < busiest() < 1.0
    assert true_rate(specimen("pi4-fan", 1), 0.5) == pytest.approx(busiest() / 0.5)
