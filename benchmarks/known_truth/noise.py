"""Seeded synthetic studies: runs of inferences as they would come from boards whose true latencies are known.

The logarithm of an inference is the sum of its variant, board, block, run and of its own noise; the machine drifts
inside a block, whose order is drawn as the farm draws it. Times are in nanoseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, signal, stats

from orchestrator.analysis.comparison import Observation

Floats = npt.NDArray[np.float64]

BASE_NS = 20e6
SAMPLES = 60
INFERENCE_SD = 0.01
HICCUP_SHARE = 0.01
HICCUP_LOW, HICCUP_HIGH = 1.05, 1.30
BAD_BY = 0.05
BLOCK_SD = 0.01
DRIFT_SD = 0.002
SETTLING = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How runs scatter: between runs, from one inference to the next, and how many runs are 5 % slow."""

    run_sd: float
    correlation: float = 0.0
    bad_share: float = 0.0

    @property
    def text(self) -> str:
        """For a table."""
        bad = f", {self.bad_share:.0%} of runs +{BAD_BY:.0%}" if self.bad_share else ""
        return f"run CV {self.run_sd:.1%}, AR {self.correlation:g}{bad}"

    @property
    def bad_log(self) -> float:
        """What slow runs add to the mean of logarithms."""
        return self.bad_share * float(np.log1p(BAD_BY))


CELLS = tuple(
    Cell(run_sd=run_sd, correlation=correlation, bad_share=bad_share)
    for run_sd in (0.005, 0.010, 0.015)
    for correlation in (0.0, 0.5)
    for bad_share in (0.0, 0.05)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A study: true latencies of its variants as multiples of the base, boards, blocks, inferences of a run.

    `scatter` multiplies the scatter of each variant's runs; empty: all scatter alike. `board_sd` is how much boards
    differ, `board_variant_sd` how much a variant's ratio differs from board to board.
    """

    ratios: tuple[float, ...]
    blocks: int
    boards: int = 1
    board_sd: float = 0.0
    board_variant_sd: float = 0.0
    samples: int = SAMPLES
    scatter: tuple[float, ...] = ()
    block_sd: float = BLOCK_SD


def draw(cell: Cell, layout: Layout, rng: np.random.Generator) -> Floats:
    """Durations of all inferences, (board, block, variant, inference)."""
    boards, blocks, variants = layout.boards, layout.blocks, len(layout.ratios)
    runs = (boards, blocks, variants)
    logs = np.log(np.asarray(layout.ratios)) + cell.run_sd * np.asarray(layout.scatter or 1.0) * rng.standard_normal(
        runs
    )
    logs += layout.board_sd * rng.standard_normal((boards, 1, 1))
    logs += layout.board_variant_sd * rng.standard_normal((boards, 1, variants))
    logs += layout.block_sd * rng.standard_normal((boards, blocks, 1))
    logs += DRIFT_SD * rng.standard_normal((boards, blocks, 1)) * _places(runs, rng)
    logs += np.log1p(BAD_BY) * (rng.random(runs) < cell.bad_share)
    durations: Floats = BASE_NS * np.exp(logs[..., None] + _inference_logs(cell, (*runs, layout.samples), rng))
    return durations


def quantile_log(probability: float) -> float:
    """The true quantile of the logarithm of one inference's own noise."""
    hiccups = np.log(np.linspace(HICCUP_LOW, HICCUP_HIGH, 501))

    def excess(value: float) -> float:
        usual = float(stats.norm.cdf(value / INFERENCE_SD))
        hit = float(np.mean(stats.norm.cdf((value - hiccups) / INFERENCE_SD)))
        return (1 - HICCUP_SHARE) * usual + HICCUP_SHARE * hit - probability

    return float(optimize.brentq(excess, -1.0, 1.0, xtol=1e-12))


def observations(medians_ns: Floats, kept: npt.NDArray[np.bool_] | None = None) -> list[Observation]:
    """What the farm would compare: one median of each run, (board, block, variant); runs that are not kept are gone."""
    return [
        Observation(variant=name(variant), device=f"board{board}", block=block, median_ns=float(value))
        for (board, block, variant), value in np.ndenumerate(medians_ns)
        if kept is None or kept[board, block, variant]
    ]


def name(variant: int) -> str:
    """What a variant is called in observations."""
    return f"v{variant}"


def _places(runs: Sequence[int], rng: np.random.Generator) -> Floats:
    """When in its block each variant runs: two alternate AB BA, more are shuffled anew in each."""
    boards, blocks, variants = runs
    order = np.broadcast_to(np.arange(variants), (boards, blocks, variants))
    if variants == 2:
        turned = (np.arange(blocks) + rng.integers(2)) % 2 == 1
        return np.where(turned[None, :, None], order[..., ::-1], order).astype(np.float64)
    return rng.permuted(order, axis=-1).astype(np.float64)


def _inference_logs(cell: Cell, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    noise = INFERENCE_SD * rng.standard_normal((*shape[:-1], shape[-1] + SETTLING))
    if cell.correlation:
        innovation = (1 - cell.correlation**2) ** 0.5
        noise = signal.lfilter([innovation], [1.0, -cell.correlation], noise, axis=-1)
    hit = rng.random(shape) < HICCUP_SHARE
    hiccups = np.log(rng.uniform(HICCUP_LOW, HICCUP_HIGH, np.count_nonzero(hit)))
    noise = noise[..., SETTLING:]
    noise[hit] += hiccups
    return noise
