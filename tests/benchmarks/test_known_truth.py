"""The farm's statistics on a few hundred studies of known truth, and the studies themselves.

Bounds are binomial, chosen beforehand: a procedure that keeps its promise fails one of them less than once in 10**6.
"""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from benchmarks.known_truth import ranks, trials
from benchmarks.known_truth.noise import BASE_NS, BLOCK_SD, CELLS, Cell, Layout, draw, observations, quantile_log
from benchmarks.known_truth.questions import Question, questions
from orchestrator.analysis.comparison import Answer

FALSE_ALARM = 1e-6
STEADY, NOISY = Cell(run_sd=0.01), Cell(run_sd=0.015, correlation=0.5, bad_share=0.05)
ONE = Layout(ratios=(1.0,), blocks=5)
PAIR = Layout(ratios=(1.03, 1.0), blocks=5)
BOARDS = Layout(ratios=(1.03, 1.0), blocks=5, boards=3, board_sd=0.01, board_variant_sd=0.01, samples=30)


def hits(trial: trials.Trial, cell: Cell, layout: Layout, studies: int) -> int:
    question = Question(what="", trial=trial, cell=cell, layout=layout)
    return question.hits(studies, np.random.default_rng(5))


def least(studies: int, promised: float) -> int:
    """The fewest hits that a promise of at least this share allows."""
    return int(stats.binom.ppf(FALSE_ALARM, studies, promised))


def most(studies: int, promised: float) -> int:
    """The most hits that a promise of at most this share allows."""
    return int(stats.binom.isf(FALSE_ALARM, studies, promised))


@pytest.mark.parametrize("cell", [STEADY, NOISY], ids=lambda cell: cell.text)
@pytest.mark.parametrize(
    ("trial", "layout", "promised"),
    [
        (trials.median_is_covered, ONE, 0.94),
        (trials.p90_is_covered, ONE, 0.92),
        (trials.ratio_is_covered, PAIR, 0.94),
        (trials.ratio_is_covered_with_gaps, PAIR, 0.94),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    trial: trials.Trial, layout: Layout, promised: float, cell: Cell
) -> None:
    assert hits(trial, cell, layout, 100) >= least(100, promised)


def test_an_interval_of_half_the_width_would_be_noticed() -> None:
    covered_by_half = 2 * stats.t.cdf(stats.t.ppf(0.975, 4) / 2, 4) - 1
    assert stats.binom.cdf(least(100, 0.94), 100, covered_by_half) > 0.3


@pytest.mark.parametrize("trial", [trials.ratio_is_covered, trials.type_is_covered])
def test_with_several_boards_the_interval_is_of_their_type(trial: trials.Trial) -> None:
    assert hits(trial, STEADY, BOARDS, 60) >= least(60, 0.94)


def test_a_true_tenth_is_found() -> None:
    found = hits(
        partial(trials.pair_says, Answer.SLOWER, 0.02), Cell(run_sd=0.02), Layout(ratios=(1.1, 1.0), blocks=5), 60
    )
    assert found >= least(60, 0.95)


@pytest.mark.parametrize(("answer", "promised"), [(Answer.FASTER, 0.025), (Answer.EQUIVALENT, 0.05)])
def test_at_the_margin_nothing_is_claimed(answer: Answer, promised: float) -> None:
    layout = Layout(ratios=(1.0, 1.02), blocks=5)
    assert hits(partial(trials.pair_says, answer, 0.02), STEADY, layout, 60) <= most(60, promised)


def test_equals_are_called_equivalent_after_ten_blocks() -> None:
    layout = Layout(ratios=(1.0, 1.0), blocks=10)
    assert hits(partial(trials.pair_says, Answer.EQUIVALENT, 0.02), STEADY, layout, 60) >= least(60, 0.95)


def test_a_group_of_equals_is_rarely_told_apart_even_without_a_margin() -> None:
    layout = Layout(ratios=(1.0,) * 8, blocks=5)
    assert hits(partial(trials.family_errs, 0.0), STEADY, layout, 15) <= most(15, 0.05)


def test_the_wrong_order_and_a_difference_within_the_margin_are_errors() -> None:
    apart = Layout(ratios=(1.0, 1.5), blocks=5)
    assert hits(partial(trials.family_errs, 0.02), STEADY, apart, 3) == 0
    assert hits(partial(trials.family_errs, 0.60), STEADY, apart, 3) == 0, "nothing is told apart within the margin"
    lied = partial(trials.family_errs, 0.0)
    swapped = Layout(ratios=(1.0, 1.0), blocks=200, board_variant_sd=0.2)
    assert hits(lied, STEADY, swapped, 3) == 3, "this board makes a difference that the variants do not have"


def test_runs_scatter_as_their_cell_says() -> None:
    logs = np.log(
        np.median(draw(Cell(run_sd=0.01), Layout(ratios=(1.0, 1.0), blocks=4000), np.random.default_rng(1)), -1)
    )
    difference = logs[0, :, 0] - logs[0, :, 1]
    sampling_sd = 1.2533 * 0.01 / 60**0.5
    expected = (2 * (0.01**2 + sampling_sd**2) + 0.002**2) ** 0.5
    assert difference.std() == pytest.approx(expected, rel=0.06)
    assert logs[0, :, 0].std() > BLOCK_SD, "blocks differ too, and cancel in a difference"


def test_neighbours_of_a_run_correlate_as_their_cell_says() -> None:
    layout = Layout(ratios=(1.0,), blocks=1, samples=50_000)
    for correlation in (0.0, 0.5):
        values = draw(Cell(run_sd=0.01, correlation=correlation), layout, np.random.default_rng(2))[0, 0, 0]
        usual = np.clip(values, None, np.quantile(values, 0.98))
        assert np.corrcoef(usual[1:], usual[:-1])[0, 1] == pytest.approx(correlation, abs=0.05)


def test_true_quantiles_are_those_of_many_inferences() -> None:
    values = draw(Cell(run_sd=0.0), Layout(ratios=(1.0,), blocks=1, samples=400_000), np.random.default_rng(3))[0, 0, 0]
    scale = np.quantile(values, 0.5) / (BASE_NS * np.exp(quantile_log(0.5)))
    assert np.quantile(values, 0.9) / scale == pytest.approx(BASE_NS * np.exp(quantile_log(0.9)), rel=3e-4)


def test_missing_runs_are_gone_from_the_observations() -> None:
    medians = np.arange(1.0, 5.0).reshape(1, 2, 2)
    kept = np.array([[[True, False], [True, True]]])
    assert [(each.variant, each.block, each.median_ns) for each in observations(medians, kept)] == [
        ("v0", 0, 1.0),
        ("v0", 1, 3.0),
        ("v1", 1, 4.0),
    ]


def test_every_noise_cell_is_asked_about_and_no_question_twice() -> None:
    texts = [question.text for question in questions()]
    assert len(texts) == len(set(texts))
    assert all(sum(text.endswith(f"5 blocks, {cell.text}") for text in texts) >= 3 for cell in CELLS)


def test_a_variant_scatters_as_much_more_as_its_layout_says() -> None:
    layout = Layout(ratios=(1.0, 1.0, 1.0), blocks=3000, scatter=(3.0, 1.0, 1.0), samples=5)
    logs = np.log(np.median(draw(Cell(run_sd=0.02), layout, np.random.default_rng(4)), -1))[0]
    quiet, noisy = (logs[:, 1] - logs[:, 2]).std(), (logs[:, 0] - logs[:, 2]).std()
    assert noisy / quiet == pytest.approx(((9 + 1) / 2) ** 0.5, rel=0.1)


def test_percentiles_intervals_and_tests_are_those_of_scipy() -> None:
    rng = np.random.default_rng(6)
    for gap in (ranks.gap_of_quantiles, ranks.gap_of_intervals, ranks.gap_of_ratios, ranks.gap_of_tests):
        assert max(gap(rng) for _ in range(10)) < 1e-9


def test_early_stopping_discards_as_many_as_mlperf_has_published() -> None:
    assert ranks.wrong_ranks() == 0


def test_a_pooled_p90_of_independent_samples_is_hardly_ever_too_low() -> None:
    alone = Layout(ratios=(1.0,), blocks=1, samples=100, block_sd=0.0)
    assert hits(trials.pooled_p90_is_safe, Cell(run_sd=0.0), alone, 100) >= least(100, 0.99)
