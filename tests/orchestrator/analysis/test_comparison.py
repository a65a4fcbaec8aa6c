"""Comparisons against known truth: equals are not told apart, real differences are, at the level that is said."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.comparison import (
    LARGEST_DETECTABLE,
    Answer,
    Comparison,
    Limit,
    Observation,
    compare,
    compare_all,
)
from orchestrator.analysis.pairing import Unit

TOLD = (Answer.FASTER, Answer.SLOWER)


def measured(
    true_ms: Mapping[str, float],
    *,
    blocks: int = 5,
    devices: int = 1,
    seed: int = 0,
    cv: float = 0.01,
    interaction: float = 0.0,
) -> list[Observation]:
    """Runs on boards and in blocks that differ by 1 %; `interaction` is a board's own taste in variants."""
    rng = np.random.default_rng(seed)
    observations = []
    for device in range(devices):
        board, shared = rng.normal(0, 0.01), rng.normal(0, 0.01, blocks)
        for variant, ms in true_ms.items():
            taste = rng.normal(0, interaction)
            for block in range(blocks):
                factor = math.exp(board + shared[block] + taste + rng.normal(0, cv))
                observations.append(
                    Observation(variant=variant, device=f"pi{device}", block=block, median_ns=ms * 1e6 * factor)
                )
    return observations


def group(ratio: float, count: int) -> dict[str, float]:
    return {f"v{index}": 100.0 * ratio**index for index in range(count)}


def answer(true_ratio: float, **options: float) -> Comparison:
    margin = options.pop("margin", 0.02)
    return compare(measured({"a": 100.0, "b": 100.0 * true_ratio}, **options), "a", "b", margin)  # type: ignore[arg-type]  # counts are whole


@pytest.mark.parametrize("blocks", [3, 5, 10])
def test_the_interval_of_a_ratio_covers_the_truth_19_times_in_20(blocks: int) -> None:
    found = [answer(1.1, blocks=blocks, seed=seed) for seed in range(600)]
    covered = [each.low is not None and each.high is not None and each.low <= 1 / 1.1 <= each.high for each in found]
    assert 0.925 <= np.mean(covered) <= 0.975


def test_a_true_10_percent_is_found_in_both_directions() -> None:
    found = [answer(1.1, seed=seed) for seed in range(50)]
    assert {each.answer for each in found} == {Answer.FASTER}
    assert {answer(1 / 1.1, seed=seed).answer for seed in range(50)} == {Answer.SLOWER}


def test_equal_variants_are_hardly_ever_told_apart_and_never_beyond_a_margin() -> None:
    assert np.mean([answer(1.0, seed=seed, margin=0.0).answer in TOLD for seed in range(600)]) == pytest.approx(
        0.05, abs=0.025
    )
    assert not any(answer(1.0, seed=seed).answer in TOLD for seed in range(200))


def test_equal_variants_are_shown_to_be_equivalent_with_enough_blocks() -> None:
    found = [answer(1.0, blocks=10, seed=seed).answer for seed in range(100)]
    assert np.mean([each is Answer.EQUIVALENT for each in found]) >= 0.9


def test_a_difference_just_beyond_the_margin_is_called_equivalent_at_most_once_in_20() -> None:
    found = [answer(1.02, blocks=5, seed=seed).answer for seed in range(400)]
    assert np.mean([each is Answer.EQUIVALENT for each in found]) <= 0.075


@pytest.mark.parametrize("count", [3, 6])
def test_in_a_group_of_equals_one_wrong_word_in_20_groups(count: int) -> None:
    wrong = [
        any(each.answer in TOLD for each in compare_all(measured(group(1.0, count), seed=seed), 0.0).values())
        for seed in range(200)
    ]
    assert np.mean(wrong) <= 0.085


def test_eight_variants_10_percent_apart_are_all_told_apart_in_five_blocks() -> None:
    for seed in range(20):
        found = compare_all(measured(group(1.1, 8), seed=seed))
        assert all(found[f"v{i}", f"v{j}"].answer is Answer.FASTER for i in range(8) for j in range(i + 1, 8))


@pytest.mark.parametrize("wild", [2.0, 3.0])
def test_nor_where_one_of_three_scatters_more(wild: float) -> None:
    wrong = []
    for seed in range(300):
        calm = measured(group(1.0, 3), seed=seed)
        rng = np.random.default_rng(seed)
        own = [dataclasses.replace(each, median_ns=1e8 * math.exp(rng.normal(0, 0.014 * wild))) for each in calm[:5]]
        wrong.append(any(each.answer in TOLD for each in compare_all(own + calm[5:], 0.0).values()))
    assert np.mean(wrong) <= 0.085


def test_scatter_that_residuals_hide_is_not_pooled() -> None:
    """Among three variants an SD three times as large shows as 1.65 times in two-way residuals."""
    calm = measured({"a": 100.0, "b": 100.0}, blocks=200, cv=0.01)
    wild = [dataclasses.replace(each, variant="c") for each in measured({"c": 100.0}, blocks=200, cv=0.03, seed=1)]
    found = compare_all(calm + wild)
    calm_cv, wild_cv = found["a", "b"].cv, found["a", "c"].cv
    assert calm_cv is not None
    assert wild_cv is not None
    assert calm_cv == pytest.approx(0.01, rel=0.15)
    assert wild_cv > 2 * calm_cv


def test_among_eight_variants_neither_power_nor_level_rests_on_equal_scatter() -> None:
    wrong, found = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        calm = measured(group(1.0, 7), seed=seed)
        wild = [
            dataclasses.replace(each, variant="wild", median_ns=each.median_ns * math.exp(rng.normal(0, 0.03)))
            for each in calm[:5]
        ]
        wrong.append(any(each.answer in TOLD for each in compare_all(calm + wild, 0.0).values()))
        apart = compare_all(measured({**{f"v{index}": 100.0 for index in range(7)}, "slow": 110.0}, seed=seed))
        found += [apart["v0", "slow"].answer is Answer.FASTER]
    assert np.mean(wrong) <= 0.10
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("devices", [3, 5])
def test_boards_with_tastes_of_their_own_do_not_make_equals_differ(devices: int) -> None:
    wrong = [
        any(
            each.answer in TOLD
            for each in compare_all(measured(group(1.0, 3), devices=devices, seed=seed, interaction=0.02), 0.0).values()
        )
        for seed in range(200)
    ]
    assert np.mean(wrong) <= 0.085


def test_boards_are_the_units_from_three_on() -> None:
    for devices, unit, units in ((1, Unit.BLOCK, 5), (2, Unit.BLOCK, 10), (3, Unit.BOARD, 3)):
        found = compare(measured(group(1.1, 2), devices=devices), "v0", "v1")
        assert (found.unit, found.units, found.answer) == (unit, units, Answer.FASTER)


def test_a_variant_that_scatters_much_more_does_not_widen_the_others() -> None:
    calm = measured(group(1.1, 3), cv=0.003)
    wild = measured({"wild": 300.0}, cv=0.2, seed=1)
    alone, among = compare_all(calm), compare_all(calm + wild)
    assert among["v0", "v1"].answer is Answer.FASTER
    assert among["v0", "v1"].ratio == alone["v0", "v1"].ratio
    assert among["v0", "wild"].detectable is not None
    assert among["v0", "v1"].detectable is not None
    assert among["v0", "wild"].detectable > 5 * among["v0", "v1"].detectable - 5


def test_a_missing_run_leaves_out_its_block_alone() -> None:
    observations = measured(group(1.1, 3))
    found = compare_all(observations[1:])
    assert (found["v0", "v1"].units, found["v1", "v2"].units) == (4, 5)
    assert found["v0", "v1"].answer is Answer.FASTER


@pytest.mark.parametrize("blocks", [0, 1])
def test_below_two_common_blocks_nothing_can_be_told(blocks: int) -> None:
    a = measured({"a": 100.0}, blocks=5)
    b = [
        Observation(variant="b", device="pi0", block=index if index < blocks else 100 + index, median_ns=3e8)
        for index in range(5)
    ]
    found = compare(a + b, "a", "b")
    assert (found.answer, found.units, found.low, found.p, found.detectable) == (
        Answer.CANNOT_TELL,
        blocks,
        None,
        None,
        None,
    )
    assert (found.ratio is None) == (blocks == 0)


def test_what_was_never_measured_cannot_be_told() -> None:
    assert compare([], "a", "b").answer is Answer.CANNOT_TELL


def test_two_noisy_blocks_of_many_variants_could_detect_nothing_and_say_so_with_a_number() -> None:
    """What would be needed is beyond what a float can hold."""
    found = compare_all(measured(group(1.0, 10), blocks=2, cv=2.0))
    assert max(each.detectable or 0.0 for each in found.values()) == pytest.approx(LARGEST_DETECTABLE)


def test_a_comparison_says_what_it_could_have_detected() -> None:
    found = [answer(1.0, seed=seed) for seed in range(300)]
    detectable = float(np.median([each.detectable or 0.0 for each in found]))
    power = np.mean([answer(detectable, seed=seed).answer in TOLD for seed in range(300)])
    assert power == pytest.approx(0.8, abs=0.12)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.1]), st.floats(0.8, 1.25))
def test_turning_a_comparison_around_turns_its_answer(seed: int, margin: float, ratio: float) -> None:
    found = compare_all(measured({"a": 100.0, "b": 100.0 * ratio}, seed=seed), margin)
    one, other = found["a", "b"], found["b", "a"]
    turned = {Answer.FASTER: Answer.SLOWER, Answer.SLOWER: Answer.FASTER}
    assert other.answer is turned.get(one.answer, one.answer)
    assert one.ratio is not None
    assert other.ratio == pytest.approx(1 / one.ratio)


@given(st.permutations(measured(group(1.03, 3))))
def test_the_order_of_runs_does_not_matter(observations: list[Observation]) -> None:
    assert compare_all(observations)["v0", "v2"].p == pytest.approx(compare_all(measured(group(1.03, 3)))["v0", "v2"].p)


@pytest.mark.parametrize("margin", [-0.01, 1.0])
def test_a_margin_out_of_range_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        compare_all(measured(group(1.1, 2)), margin)


@pytest.mark.parametrize(
    ("true_ratio", "limit"), [(0.85, Limit.WITHIN), (1.0, Limit.WITHIN), (1.05, Limit.CANNOT_TELL), (1.2, Limit.BEYOND)]
)
def test_a_limit_is_met_missed_or_cannot_be_told(true_ratio: float, limit: Limit) -> None:
    found = compare(measured({"a": 100.0 * true_ratio, "b": 100.0}, blocks=10), "a", "b")
    assert found.limit(0.05) is limit


def test_a_true_limit_is_hardly_ever_called_missed() -> None:
    found = [compare(measured({"a": 105.0, "b": 100.0}, seed=seed), "a", "b").limit(0.05) for seed in range(400)]
    assert np.mean([each is Limit.BEYOND for each in found]) <= 0.045
    assert compare([], "a", "b").limit(0.05) is Limit.CANNOT_TELL


def test_a_comparison_says_how_many_units_would_settle_it() -> None:
    far, near = answer(1.06, blocks=3, cv=0.02), answer(1.0, blocks=3, cv=0.02)
    assert (far.units_needed() or 0) > 3
    assert (near.units_needed() or 0) > 3
    assert compare([], "a", "b").units_needed() is None
