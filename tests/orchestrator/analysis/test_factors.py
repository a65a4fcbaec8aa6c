"""One variant under two values of a label: what is set beside what, how sure that is, and what it cannot say."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.factors import (
    ByBoard,
    Design,
    LevelComparison,
    compare_levels,
    contrast,
    goes_with,
    onset_of_boards,
    over_boards,
)

MS = 1e6


def shelf(
    ratio: float, boards: int, *, same: bool = False, runs: int = 3, board_cv: float = 0.02, seed: int = 0
) -> dict[str, ByBoard]:
    """Boards under `bare` and under `fan`, whose latency is `ratio` times as long; `same` boards or others."""
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, list[float]]] = {"bare": {}, "fan": {}}
    own = rng.lognormal(0.0, board_cv, 2 * boards)
    for number in range(boards):
        for level, factor, which in (("bare", 1.0, number), ("fan", ratio, number if same else boards + number)):
            noise = rng.lognormal(0.0, 0.005, runs)
            found[level][f"board-{which}"] = (100 * MS * factor * own[which] * noise).tolist()
    return dict(found)


def fan(latencies: Mapping[str, ByBoard], margin: float = 0.02) -> LevelComparison:
    (found,) = compare_levels(latencies, "bare", margin)
    return found


def test_several_boards_beside_several_others_hold_for_their_type() -> None:
    found = fan(shelf(0.80, 4))
    assert (found.answer, found.contrast.design, found.contrast.units) == (Answer.FASTER, Design.BETWEEN, 8)
    assert found.low is not None and found.high is not None
    assert found.low < 0.80 < found.high


def test_the_same_boards_under_both_are_paired_so_that_their_own_speed_cancels_out() -> None:
    wide = fan(shelf(0.97, 4, board_cv=0.10))
    found = fan(shelf(0.97, 4, same=True, board_cv=0.10), margin=0.0)
    assert (found.answer, found.contrast.design, found.contrast.units) == (Answer.FASTER, Design.PAIRED, 4)
    assert wide.answer is Answer.CANNOT_TELL


def test_one_board_beside_another_cannot_be_told_from_its_cooling() -> None:
    found = fan(shelf(0.50, 1))
    assert (found.answer, found.contrast.design) == (Answer.CANNOT_TELL, Design.CONFOUNDED)
    assert found.ratio == pytest.approx(0.5, rel=0.1), "described all the same"
    assert (found.low, found.high, found.p, found.detectable, found.needed) == (None,) * 5


def test_one_board_under_both_is_told_by_its_runs_and_holds_for_itself() -> None:
    found = fan(shelf(0.80, 1, same=True))
    assert (found.answer, found.contrast.design, found.contrast.boards_a) == (
        Answer.FASTER,
        Design.WITHIN,
        ("board-0",),
    )
    assert found.contrast.units == 6


def test_one_run_of_one_board_under_each_tells_nothing() -> None:
    found = fan(shelf(0.50, 1, same=True, runs=1))
    assert (found.answer, found.contrast.design, found.contrast.effect) == (Answer.CANNOT_TELL, Design.WITHIN, None)


def test_two_boards_beside_one_are_still_confounded() -> None:
    latencies = shelf(0.80, 2)
    latencies["fan"] = dict(list(latencies["fan"].items())[:1])
    assert fan(latencies).contrast.design is Design.CONFOUNDED


def test_a_difference_within_the_margin_is_called_equivalent() -> None:
    assert fan(shelf(1.0, 8, same=True)).answer is Answer.EQUIVALENT


def test_a_run_more_on_a_board_weighs_no_more_than_another_board() -> None:
    few = {"bare": {"a": [100.0], "b": [102.0]}, "fan": {"c": [80.0], "d": [82.0]}}
    many = {"bare": {"a": [100.0] * 50, "b": [102.0]}, "fan": {"c": [80.0], "d": [82.0]}}
    assert fan(few) == fan(many)


def test_equal_boards_are_told_apart_in_one_of_twenty_shelves_at_most() -> None:
    answers = [fan(shelf(1.0, 3, seed=seed), margin=0.0).answer for seed in range(400)]
    wrong = sum(answer in (Answer.FASTER, Answer.SLOWER) for answer in answers) / len(answers)
    assert wrong <= 0.08, "5 % and three standard errors of 400"


def test_intervals_between_boards_cover_the_truth() -> None:
    found = [fan(shelf(0.85, 3, board_cv=0.04, seed=seed)) for seed in range(400)]
    covered = sum((each.low or 0) < 0.85 < (each.high or 0) for each in found) / len(found)
    assert covered >= 0.92


def test_several_values_of_a_label_are_corrected_together() -> None:
    latencies = shelf(0.97, 3, seed=4)
    alone = fan(latencies, margin=0.0)
    latencies["heatsink"] = {f"other-{name}": own for name, own in latencies["bare"].items()}
    heatsink = {each.level: each for each in compare_levels(latencies, "bare", 0.0)}["fan"]
    assert alone.p is not None and heatsink.p is not None
    assert heatsink.p > alone.p
    assert (heatsink.low, heatsink.high) == (alone.low, alone.high)


def test_what_boards_have_in_common_counts_each_board_once() -> None:
    own = over_boards({"a": [100.0, 101.0, 300.0], "b": [121.0]}, is_ratio=True)
    assert own.by_board == {"a": pytest.approx(101.0), "b": pytest.approx(121.0)}
    assert own.center == pytest.approx(math.sqrt(101 * 121))
    assert own.interval is not None and own.interval[0] < own.center < own.interval[1]
    assert over_boards({"a": [70.0, 72.0]}).interval is None


def test_kelvins_are_differences_and_not_ratios() -> None:
    found = contrast({"a": [60.0], "b": [62.0]}, {"c": [80.0], "d": [84.0]})
    assert found.difference == pytest.approx(-21.0)
    assert found.interval is not None and found.interval[0] < -21.0 < found.interval[1]


def test_a_board_that_throttles_in_half_of_its_soaks_counts_as_one_that_throttles() -> None:
    onsets = {
        "a": [(200.0, True), (1200.0, False)],
        "b": [(300.0, True)],
        "c": [(1200.0, False), (1200.0, False), (400.0, True)],
    }
    found = onset_of_boards(onsets)
    assert (found.events, found.censored) == (2, 1)
    assert [step.at_s for step in found.steps] == [200.0, 300.0]


def test_what_differs_wherever_the_label_does_is_named() -> None:
    bare = [{"cooling": "bare", "psu": "cheap", "room": "lab"}, {"cooling": "bare", "psu": "old", "room": "lab"}]
    cooled = [{"cooling": "fan", "psu": "official", "room": "lab"}, {"cooling": "fan", "psu": "official"}]
    assert goes_with(cooled, bare, "cooling") == {"psu": (("official",), ("cheap", "old"))}
