"""Cold against hot: an order that turns round is told from one that is merely unclear, and throttling is timed."""

import pytest

from orchestrator.analysis.ranking import Ranked, rank
from orchestrator.analysis.regimes import Watched, flips, time_to_throttle
from orchestrator.analysis.thermal.onset import Cause
from tests.orchestrator.analysis.test_comparison import measured


def ranked(**true_ms: float) -> dict[str, Ranked]:
    return {each.variant: each for each in rank(measured(true_ms))}


def soak(onset_s: float | None, until_s: float = 1200.0, cause: Cause = Cause.THERMAL) -> Watched:
    return Watched(onset_s=onset_s, until_s=until_s, cause=cause if onset_s is not None else Cause.NONE)


def test_a_variant_that_overtakes_another_once_hot_flips_and_the_other_one_does_from_the_other_side() -> None:
    cold, hot = ranked(small=100.0, large=80.0), ranked(small=110.0, large=160.0)
    assert flips(cold["small"], hot["small"]) == ("large",)
    assert flips(cold["large"], hot["large"]) == ()
    assert flips(hot["large"], cold["large"]) == ("small",)


@pytest.mark.parametrize("hot", [{"small": 110.0, "large": 110.1}, {"small": 160.0, "large": 110.0}])
def test_neither_a_tie_nor_the_same_order_is_a_flip(hot: dict[str, float]) -> None:
    cold, other = ranked(small=100.0, large=80.0), ranked(**hot)
    assert [flips(cold[name], other[name]) for name in ("small", "large")] == [(), ()]


def test_a_tie_while_cold_is_no_flip_either() -> None:
    cold, hot = ranked(small=100.0, large=100.1), ranked(small=110.0, large=160.0)
    assert [flips(cold[name], hot[name]) for name in ("small", "large")] == [(), ()]


def test_a_variant_that_was_never_measured_hot_flips_with_nobody() -> None:
    cold, hot = ranked(small=100.0, large=80.0, huge=300.0), ranked(small=110.0, large=160.0)
    assert flips(cold["small"], hot["small"]) == ("large",)


def test_the_median_soak_says_when_a_board_throttles() -> None:
    found = time_to_throttle([soak(200.0), soak(260.0), soak(230.0)])
    assert found is not None
    assert (found.after_s, found.known_until_s) == (230.0, 260.0)


def test_while_fewer_than_half_have_throttled_it_says_until_when_they_were_watched() -> None:
    found = time_to_throttle([soak(200.0), soak(None), soak(None)])
    assert found is not None
    assert (found.after_s, found.known_until_s) == (None, 1200.0)


def test_a_soak_that_ended_early_is_no_evidence_for_later() -> None:
    found = time_to_throttle([soak(None, until_s=100.0), soak(300.0), soak(400.0)])
    assert found is not None
    assert found.after_s == 300.0


@pytest.mark.parametrize("cause", [Cause.POWER, Cause.CAP])
def test_a_board_that_lacked_power_or_was_capped_says_nothing_of_heat_later_on(cause: Cause) -> None:
    found = time_to_throttle([soak(50.0, cause=cause), soak(None, until_s=600.0)])
    assert found is not None
    assert (found.after_s, found.known_until_s) == (None, 600.0)


def test_without_a_soak_nothing_is_known() -> None:
    assert time_to_throttle([]) is None
