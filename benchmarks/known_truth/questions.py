"""What is asked of the analysis, each with the answer that MEASUREMENT promises: how often studies must hit."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from zlib import crc32

import numpy as np

from benchmarks.command import tell
from benchmarks.figure import Figure, Judged, Target, share_of
from benchmarks.known_truth import trials
from benchmarks.known_truth.noise import CELLS, Cell, Layout
from orchestrator.analysis.comparison import MARGIN, Answer
from orchestrator.analysis.power import blocks_needed
from orchestrator.analysis.stopping import USUAL_MAX_BLOCKS

BATCH = 50
GROUP_OF_STUDIES = 2
HOLDS = (Target(at_least=0.94, at_most=0.96),)
QUANTILE_HOLDS = (Target(at_least=0.92, at_most=0.97),)
UNTIL_NARROW = (Target(at_least=0.91, at_most=0.97),)
FOUND = (Target(at_least=0.95),)
STEADY = Cell(run_sd=0.01)
MARGINAL = 1 + MARGIN
EIGHT_EQUAL = (1.0,) * 8
HALF_AT_THE_MARGIN = (1.0,) * 4 + (MARGINAL,) * 4
ONE_SLOWER = (1.10,) + (1.0,) * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How often `trial` hits in studies of this noise and layout; `divisor` makes dear ones fewer."""

    what: str
    trial: trials.Trial
    cell: Cell
    layout: Layout
    targets: tuple[Target, ...] = ()
    divisor: int = 1

    @property
    def text(self) -> str:
        """For a table."""
        boards = f"{self.layout.boards} boards, " if self.layout.boards > 1 else ""
        return f"{self.what}; {boards}{self.layout.blocks} blocks, {self.cell.text}"

    def hits(self, studies: int, rng: np.random.Generator) -> int:
        """In how many studies the trial hits."""
        return sum(self.trial(self.cell, self.layout, rng) for _ in range(studies))


def questions() -> Iterator[Question]:
    """All of them."""
    for cell in CELLS:
        yield from _coverage(cell)
    yield from _boards()
    yield from _added_blocks()
    yield from _pooled()
    yield from _plans()
    yield from _answers_for_a_pair()
    yield from _answers_for_a_group()


def answer(questions: list[Question], studies: int, seed: int, pool: Executor) -> Iterator[Figure]:
    """The figure of each question. The batches and their seeds are fixed, whoever computes them."""
    for question in questions:
        batches = max(1, round(studies / question.divisor / BATCH))
        seeds = np.random.SeedSequence([seed, crc32(question.text.encode())]).spawn(batches)
        hits = sum(pool.map(_batch, repeat(question), seeds))
        tell(f"known_truth: {question.text}: {hits / (batches * BATCH):.2%}")
        yield Figure(what=question.text, unit="share", ours=share_of(hits, batches * BATCH), targets=question.targets)


def at_most(limit: float) -> tuple[Target, ...]:
    """A limit that the procedure reaches exactly by design: broken where the share is shown to be above it."""
    return (Target(judged=Judged.LOW, at_most=limit),)


def _batch(question: Question, seed: np.random.SeedSequence) -> int:
    return question.hits(BATCH, np.random.default_rng(seed))


def _coverage(cell: Cell) -> Iterator[Question]:
    five = Layout(ratios=(1.0,), blocks=5)
    yield Question(
        what="median in its 95 % interval", trial=trials.median_is_covered, cell=cell, layout=five, targets=HOLDS
    )
    yield Question(
        what="ratio in its 95 % interval",
        trial=trials.ratio_is_covered,
        cell=cell,
        layout=Layout(ratios=(1.03, 1.0), blocks=5),
        targets=HOLDS,
    )
    yield Question(
        what="median-run p90 in its 95 % interval",
        trial=trials.p90_is_covered,
        cell=cell,
        layout=five,
        targets=QUANTILE_HOLDS,
    )


def _pooled() -> Iterator[Question]:
    alone = Layout(ratios=(1.0,), blocks=1, samples=300, block_sd=0.0)
    yield Question(
        what="pooled p90 not below the true one, independent samples",
        trial=trials.pooled_p90_is_safe,
        cell=Cell(run_sd=0.0),
        layout=alone,
        targets=(Target(judged=Judged.HIGH, at_least=0.99),),
    )
    yield Question(
        what="pooled p90 not below the true one, runs differ (not promised: it assumes independence)",
        trial=trials.pooled_p90_is_safe,
        cell=STEADY,
        layout=Layout(ratios=(1.0,), blocks=5),
    )


def _plans() -> Iterator[Question]:
    for ratio, variants in ((1.10, 2), (1.05, 2), (1.10, 8)):
        blocks = blocks_needed(STEADY.run_sd, ratio, variants, MARGIN)
        assert blocks is not None, "beyond the margin"
        yield Question(
            what=f"{variants} variants, true {ratio:g} found with as many blocks as a plan asks for",
            trial=partial(trials.group_says, Answer.SLOWER),
            cell=STEADY,
            layout=Layout(ratios=(ratio, *(1.0,) * (variants - 1)), blocks=blocks),
            targets=(Target(judged=Judged.HIGH, at_least=0.80),),
            divisor=GROUP_OF_STUDIES,
        )


def _boards() -> Iterator[Question]:
    for boards in (3, 5):
        layout = Layout(ratios=(1.03, 1.0), blocks=5, boards=boards, board_sd=0.01, board_variant_sd=0.01)
        yield Question(
            what="ratio of a type in its 95 % interval, boards differ by 1 % in it",
            trial=trials.ratio_is_covered,
            cell=STEADY,
            layout=layout,
            targets=HOLDS,
        )
        yield Question(
            what="median of a type in its 95 % interval",
            trial=trials.type_is_covered,
            cell=STEADY,
            layout=layout,
            targets=HOLDS,
        )


def _added_blocks() -> Iterator[Question]:
    for cell in (STEADY, Cell(run_sd=0.015, correlation=0.5), Cell(run_sd=0.01, bad_share=0.05)):
        yield Question(
            what="ratio in its 95 % interval, blocks added until it is +-1 %",
            trial=partial(trials.ratio_is_covered_until_narrow, 0.01),
            cell=cell,
            layout=Layout(ratios=(1.03, 1.0), blocks=USUAL_MAX_BLOCKS),
            targets=UNTIL_NARROW,
            divisor=GROUP_OF_STUDIES,
        )


def _answers_for_a_pair() -> Iterator[Question]:
    gaps = Layout(ratios=(1.03, 1.0), blocks=10)
    missing = f"{trials.MISSING_SHARE:.0%} of runs missing"
    yield Question(
        what=f"ratio in its 95 % interval, {missing}",
        trial=trials.ratio_is_covered_with_gaps,
        cell=STEADY,
        layout=gaps,
        targets=HOLDS,
    )
    yield Question(
        what=f"ratio above the truth (no bias: half), {missing}",
        trial=trials.ratio_is_above_with_gaps,
        cell=STEADY,
        layout=gaps,
        targets=(Target(judged=Judged.LOW, at_most=0.5), Target(judged=Judged.HIGH, at_least=0.5)),
    )
    for cell in (STEADY, Cell(run_sd=0.015), Cell(run_sd=0.02), Cell(run_sd=0.02, correlation=0.5)):
        yield Question(
            what="true 1.10 found slower",
            trial=partial(trials.pair_says, Answer.SLOWER, MARGIN),
            cell=cell,
            layout=Layout(ratios=(1.10, 1.0), blocks=5),
            targets=FOUND,
        )
    for cell, blocks in ((STEADY, 5), (STEADY, 10), (Cell(run_sd=0.015, correlation=0.5, bad_share=0.05), 5)):
        layout = Layout(ratios=(1.0, MARGINAL), blocks=blocks)
        yield Question(
            what="true 1.02 called faster",
            trial=partial(trials.pair_says, Answer.FASTER, MARGIN),
            cell=cell,
            layout=layout,
            targets=at_most(0.025),
        )
        yield Question(
            what="true 1.02 called equivalent",
            trial=partial(trials.pair_says, Answer.EQUIVALENT, MARGIN),
            cell=cell,
            layout=layout,
            targets=at_most(0.05),
        )
    for blocks, targets in ((5, ()), (10, FOUND)):
        yield Question(
            what="truly equal called equivalent",
            trial=partial(trials.pair_says, Answer.EQUIVALENT, MARGIN),
            cell=STEADY,
            layout=Layout(ratios=(1.0, 1.0), blocks=blocks),
            targets=targets,
        )


def _answers_for_a_group() -> Iterator[Question]:
    for what, trial, ratios, targets in (
        ("8 variants, true 1.10: one pair found", partial(trials.group_says, Answer.SLOWER), ONE_SLOWER, FOUND),
        ("8 variants, true 1.10: told from all seven", trials.first_is_told_from_all, ONE_SLOWER, ()),
        ("8 variants, equal: any told apart", partial(trials.family_errs, MARGIN), EIGHT_EQUAL, at_most(0.05)),
        ("8 variants, equal, margin 0: any told apart", partial(trials.family_errs, 0.0), EIGHT_EQUAL, at_most(0.05)),
        (
            "8 variants, 16 pairs at the margin: any told apart",
            partial(trials.family_errs, MARGIN),
            HALF_AT_THE_MARGIN,
            at_most(0.05),
        ),
    ):
        yield Question(
            what=what,
            trial=trial,
            cell=STEADY,
            layout=Layout(ratios=ratios, blocks=5),
            targets=targets,
            divisor=GROUP_OF_STUDIES,
        )
    for blocks in (5, 10):
        yield Question(
            what="8 variants, one scatters three times as much and is at the margin: any told apart",
            trial=partial(trials.family_errs, MARGIN),
            cell=STEADY,
            layout=Layout(ratios=(MARGINAL, *EIGHT_EQUAL[1:]), blocks=blocks, scatter=(3.0, *EIGHT_EQUAL[1:])),
            targets=at_most(0.05),
            divisor=GROUP_OF_STUDIES,
        )
