"""Plans hold in simulation: so many blocks find the ratio in four of five studies, and not many more than needed."""

import numpy as np
import pytest

from orchestrator.analysis.comparison import (
    Answer,
    blocks_for_equivalence,
    blocks_needed,
    compare,
    compare_all,
    reachable_ratio,
)
from tests.orchestrator.analysis.test_comparison import group, measured

CV = 0.01


def share_told(ratio: float, blocks: int, margin: float, studies: int = 300) -> float:
    answers = [
        compare(measured({"a": 100.0, "b": 100.0 * ratio}, blocks=blocks, cv=CV, seed=seed), "a", "b", margin).answer
        for seed in range(studies)
    ]
    return float(np.mean([answer is Answer.FASTER for answer in answers]))


@pytest.mark.parametrize(("ratio", "margin"), [(1.10, 0.02), (1.05, 0.02), (1.03, 0.0)])
def test_the_planned_blocks_find_the_ratio_in_four_of_five_studies(ratio: float, margin: float) -> None:
    blocks = blocks_needed(CV, ratio, 2, margin)
    assert blocks is not None
    assert share_told(ratio, blocks, margin) >= 0.76
    assert share_told(ratio, blocks - 1, margin) < 0.84


def test_among_eight_variants_the_plan_is_on_the_careful_side() -> None:
    blocks = blocks_needed(CV, 1.05, 8, 0.02)
    assert blocks is not None
    told = [
        compare_all(measured(group(1.05, 8), blocks=blocks, cv=CV, seed=seed))["v3", "v4"].answer for seed in range(40)
    ]
    assert np.mean([answer is Answer.FASTER for answer in told]) >= 0.8


def test_the_documented_plans() -> None:
    assert (blocks_needed(CV, 1.10, 2, 0.02), blocks_needed(CV, 1.10, 8, 0.02)) == (3, 5)
    assert (blocks_needed(CV, 1.03, 2, 0.0), blocks_needed(CV, 1.03, 8, 0.0)) == (5, 9)
    assert (blocks_needed(CV, 1.03, 2, 0.02) or 0) > 15


def test_a_ratio_and_its_inverse_need_the_same_blocks() -> None:
    assert blocks_needed(CV, 1 / 1.1, 2, 0.02) == blocks_needed(CV, 1.1, 2, 0.02)


@pytest.mark.parametrize(("cv", "ratio"), [(CV, 1.01), (CV, 1.02), (0.5, 1.03)])
def test_what_no_number_of_blocks_can_show_has_no_plan(cv: float, ratio: float) -> None:
    assert blocks_needed(cv, ratio, 2, 0.02) is None


@pytest.mark.parametrize("blocks", [3, 5, 10, 40])
@pytest.mark.parametrize("variants", [2, 8])
def test_a_reachable_ratio_needs_no_more_blocks_than_it_has(blocks: int, variants: int) -> None:
    ratio = reachable_ratio(CV, blocks, variants, 0.02)
    assert ratio is not None
    assert blocks_needed(CV, ratio * 1.000001, variants, 0.02) == blocks


def test_a_single_block_reaches_nothing() -> None:
    assert reachable_ratio(CV, 1, 2, 0.02) is None


def test_equals_are_shown_to_be_equivalent_by_the_blocks_planned_for_it() -> None:
    blocks = blocks_for_equivalence(CV, 1.0, 0.02)
    assert blocks is not None
    answers = [
        compare(measured({"a": 1.0, "b": 1.0}, blocks=blocks, cv=CV, seed=seed), "a", "b").answer for seed in range(200)
    ]
    assert 0.76 <= np.mean([answer is Answer.EQUIVALENT for answer in answers]) <= 0.95
    assert blocks_for_equivalence(CV, 1.02, 0.02) is None
