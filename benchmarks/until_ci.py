"""What `submit --until-ci` covers: seeded synthetic studies that add blocks until their intervals are narrow.

The stop rule is the farm's own. The reference is the same study with a number of blocks that is fixed beforehand.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Judged, Target
from orchestrator.analysis.latency import t_interval
from orchestrator.analysis.precision import CONFIDENCE, measure_precision
from orchestrator.analysis.stopping import STALLED_AFTER, START_BLOCKS, USUAL_MAX_BLOCKS, stated_coverage, why_stop

Floats = npt.NDArray[np.float64]
BAD_SHARE, BAD_BY = 0.05, 0.05
BLOCK_SD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of study: how many variants, how its runs scatter, from how many blocks it starts, what is wanted."""

    variants: int
    cv: float
    wanted: float
    start: int = START_BLOCKS
    has_bad_runs: bool = False
    missing: float = 0.0

    @property
    def text(self) -> str:
        """For a table."""
        what = "one median" if self.variants == 1 else f"{self.variants} variants"
        bad = ", 5 % of runs slow by 5 %" if self.has_bad_runs else ""
        gone = f", {self.missing:.0%} of runs missing" if self.missing else ""
        return f"{what}, run CV {self.cv:.1%}{bad}{gone}, until {self.wanted:.0%}, from {self.start} blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one study ended: whether the interval of its first ratio (or median) held the truth, and after how much."""

    is_covered: bool
    blocks: int


CELLS = (
    *(Cell(variants=2, cv=cv, wanted=0.01) for cv in (0.005, 0.010, 0.015)),
    *(Cell(variants=1, cv=cv, wanted=0.01) for cv in (0.010, 0.015, 0.020)),
    Cell(variants=8, cv=0.010, wanted=0.01),
    Cell(variants=2, cv=0.010, wanted=0.01, has_bad_runs=True),
    Cell(variants=2, cv=0.010, wanted=0.01, missing=0.1),
    *(Cell(variants=2, cv=cv, wanted=0.01, start=start) for start in (2, 3, 5, 12) for cv in (0.010, 0.015)),
)


def simulate(cell: Cell, rng: np.random.Generator) -> Outcome:
    """One study: blocks are added one by one until the farm's rule says stop."""
    logs = _logs(cell, rng)
    for blocks in range(cell.start, USUAL_MAX_BLOCKS + 1):
        medians = {str(row): _known(logs[row, :blocks]) for row in range(cell.variants)}
        recent = frozenset(range(max(0, blocks - STALLED_AFTER), blocks))
        precision = measure_precision(medians, recent)
        if why_stop(precision, wanted=cell.wanted, blocks=blocks, max_blocks=USUAL_MAX_BLOCKS) is not None:
            break
    return Outcome(is_covered=_is_covered(cell, logs[:, :blocks]), blocks=blocks)


def coverage(cell: Cell, studies: int, seed: int) -> tuple[float, float]:
    """The share of studies whose interval held the truth, and the mean number of blocks that they took."""
    outcomes = [simulate(cell, rng) for rng in np.random.default_rng(seed).spawn(studies)]
    return float(np.mean([each.is_covered for each in outcomes])), float(np.mean([each.blocks for each in outcomes]))


def _logs(cell: Cell, rng: np.random.Generator) -> Floats:
    shape = (cell.variants, USUAL_MAX_BLOCKS)
    shared = rng.normal(0.0, BLOCK_SD, USUAL_MAX_BLOCKS) if cell.variants > 1 else np.zeros(USUAL_MAX_BLOCKS)
    logs = rng.normal(0.0, cell.cv, shape) + shared
    if cell.has_bad_runs:
        logs += np.log1p(BAD_BY) * (rng.random(shape) < BAD_SHARE)
    return np.where(rng.random(shape) < cell.missing, np.nan, logs)


def _known(logs: Floats) -> dict[object, float]:
    return {block: float(np.exp(value)) for block, value in enumerate(logs) if not np.isnan(value)}


def _is_covered(cell: Cell, logs: Floats) -> bool:
    values = logs[0] if cell.variants == 1 else logs[0] - logs[1]
    center, half = t_interval(values[~np.isnan(values)], CONFIDENCE)
    truth = BAD_SHARE * np.log1p(BAD_BY) if cell.has_bad_runs and cell.variants == 1 else 0.0
    return abs(center - truth) <= half


def _share(missed: float, studies: int) -> Estimate:
    half = 1.96 * float(np.sqrt(missed * (1 - missed) / studies))
    return Estimate(center=missed, low=missed - half, high=missed + half, count=studies)


def _figures(cells: Sequence[Cell], studies: int, seed: int) -> Iterator[Figure]:
    for cell in cells:
        tell(cell.text)
        covered, blocks = coverage(cell, studies, seed)
        fixed = _fixed_coverage(cell, studies, seed, round(blocks))
        yield Figure(
            what=f"{cell.text}: {blocks:.1f} blocks, stated {stated_coverage(cell.start):.0%}",
            unit="missed",
            ours=_share(1 - covered, studies),
            reference=_share(1 - fixed, studies),
            targets=(Target(at_most=round(1 - stated_coverage(cell.start), 2), judged=Judged.LOW),),
        )


def _fixed_coverage(cell: Cell, studies: int, seed: int, blocks: int) -> float:
    rngs = np.random.default_rng(seed).spawn(studies)
    return float(np.mean([_is_covered(cell, _logs(cell, rng)[:, :blocks]) for rng in rngs]))


def measure(options: argparse.Namespace) -> list[Figure]:
    """Every cell."""
    return list(_figures(CELLS, options.studies, options.seed))


if __name__ == "__main__":
    run_command(
        "until_ci",
        "Coverage of intervals when blocks are added until they are narrow, against a fixed number of blocks.",
        measure,
        {"studies": 4000, "seed": 1},
    )
