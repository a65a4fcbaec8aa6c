"""One study each: drawn, judged by the farm's own analysis, and held against its truth. All give whether it hit."""

import math
from collections.abc import Callable, Hashable

import numpy as np

from benchmarks.known_truth.noise import BASE_NS, Cell, Floats, Layout, draw, name, observations, quantile_log
from orchestrator.analysis.comparison import Answer, Comparison, compare, compare_all
from orchestrator.analysis.early_stopping import summarise_pooled
from orchestrator.analysis.latency import Interval, interval_of_medians
from orchestrator.analysis.precision import measure_precision
from orchestrator.analysis.ranking import rank
from orchestrator.analysis.stopping import START_BLOCKS, USUAL_MAX_BLOCKS, why_stop

Trial = Callable[[Cell, Layout, np.random.Generator], bool]
A, B = name(0), name(1)
MISSING_SHARE = 0.15
_MEDIAN_LOG, _P90_LOG = quantile_log(0.5), quantile_log(0.9)


def median_is_covered(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the interval of one variant on one board holds its true median."""
    return _holds(interval_of_medians(list(_medians(cell, layout, rng)[0, :, 0])), _truth_ns(cell, layout, _MEDIAN_LOG))


def p90_is_covered(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the interval of the median-run p90 holds the true 90th percentile of an inference."""
    p90s = np.quantile(draw(cell, layout, rng), 0.9, axis=-1)[0, :, 0]
    return _holds(interval_of_medians(list(p90s)), _truth_ns(cell, layout, _P90_LOG))


def pooled_p90_is_safe(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the early-stopping p90 of samples pooled over runs is not below the true one: 99 % if all are alike."""
    pooled = summarise_pooled(draw(cell, layout, rng).ravel().astype(np.int64))
    assert pooled.p90_ns is not None, "64 samples"
    return pooled.p90_ns >= _truth_ns(cell, layout, _P90_LOG)


def ratio_is_covered(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the interval of A over B holds their true ratio, over blocks or over boards as the farm decides."""
    return _ratio_holds(compare(observations(_medians(cell, layout, rng)), A, B), layout)


def ratio_is_covered_with_gaps(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """The same when runs are missing at random; a study without two common blocks says nothing and so holds."""
    medians = _medians(cell, layout, rng)
    found = compare(observations(medians, rng.random(medians.shape) >= MISSING_SHARE), A, B)
    return found.low is None or _ratio_holds(found, layout)


def ratio_is_above_with_gaps(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the ratio came out above the truth when runs are missing at random: half of the time without a bias."""
    medians = _medians(cell, layout, rng)
    found = compare(observations(medians, rng.random(medians.shape) >= MISSING_SHARE), A, B)
    return (found.ratio or 1.0) > _true_ratio(layout)


def ratio_is_covered_until_narrow(wanted: float, cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the interval holds the true ratio when blocks were added until it was narrow, at most `layout.blocks`."""
    medians = _medians(cell, layout, rng)
    blocks = next(count for count in range(START_BLOCKS, layout.blocks + 1) if _is_enough(medians[0, :count], wanted))
    return _ratio_holds(compare(observations(medians[:, :blocks]), A, B), layout)


def type_is_covered(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether the ranking's interval over boards holds the median of the type that these boards are of."""
    ranked = next(each for each in rank(observations(_medians(cell, layout, rng))) if each.variant == A)
    return _holds(ranked.interval, _truth_ns(cell, layout, _MEDIAN_LOG))


def pair_says(answer: Answer, margin: float, cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether A against B, compared alone, gets this answer."""
    return compare(observations(_medians(cell, layout, rng)), A, B, margin).answer is answer


def group_says(answer: Answer, cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether A against B gets this answer when all variants are corrected together."""
    return compare_all(observations(_medians(cell, layout, rng)))[A, B].answer is answer


def first_is_told_from_all(cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether A, which is slower, is told from every other variant of its group, and comes last."""
    *_, last = rank(observations(_medians(cell, layout, rng)))
    return last.variant == A and not last.tied_with


def family_errs(margin: float, cell: Cell, layout: Layout, rng: np.random.Generator) -> bool:
    """Whether any two variants of a group are told apart that are truly within the margin, or in the wrong order."""
    found = compare_all(observations(_medians(cell, layout, rng)), margin)
    truth = {name(variant): ratio for variant, ratio in enumerate(layout.ratios)}
    limit = math.log1p(margin) * (1 + 1e-9)
    return any(
        each.answer is Answer.FASTER and math.log(truth[each.a] / truth[each.b]) >= -limit for each in found.values()
    )


def _is_enough(medians: Floats, wanted: float) -> bool:
    """Whether the farm would stop after these blocks, (block, variant)."""
    by_variant = {name(number): dict[Hashable, float](enumerate(own)) for number, own in enumerate(medians.T)}
    precision = measure_precision(by_variant, frozenset(range(len(medians))))
    return why_stop(precision, wanted=wanted, blocks=len(medians), max_blocks=USUAL_MAX_BLOCKS) is not None


def _medians(cell: Cell, layout: Layout, rng: np.random.Generator) -> Floats:
    return np.asarray(np.median(draw(cell, layout, rng), axis=-1), dtype=np.float64)


def _truth_ns(cell: Cell, layout: Layout, quantile: float) -> float:
    """The centre of logarithms over all runs, slow ones among them: what an interval on logarithms is about."""
    return BASE_NS * layout.ratios[0] * math.exp(cell.bad_log + quantile)


def _true_ratio(layout: Layout) -> float:
    return layout.ratios[0] / layout.ratios[1]


def _ratio_holds(found: Comparison, layout: Layout) -> bool:
    assert found.low is not None and found.high is not None, "two common units"
    return found.low <= _true_ratio(layout) <= found.high


def _holds(interval: Interval | None, truth: float) -> bool:
    assert interval is not None, "two runs"
    return interval.low <= truth <= interval.high
