"""A comparison in words, for a terminal and for a pull request. Pure.

One wording everywhere: A takes 0.7× the time of B. The ratio is of latencies, below 1 where A is faster, and
`--fail-if-slower` and the margin are of the same ratio.
"""

from collections.abc import Iterator, Sequence

from orchestrator.analysis.comparison import Answer, Comparison, Limit
from orchestrator.analysis.early_stopping import ASSUMPTION
from orchestrator.analysis.pairing import Unit
from orchestrator.queries.compare import GroupComparison, Side
from orchestrator.queries.groups import coverage_text
from orchestrator.text import numbers_text, row_text

COLUMNS = ("variant", "median", "p90 of the median run", "p90, pooled", "p99, pooled", "runs")
# Of A against B; the margin is a share in words.
WORDS = {
    Answer.FASTER: "{a} is faster than {b}",
    Answer.SLOWER: "{a} is slower than {b}",
    Answer.EQUIVALENT: "{a} and {b} are equivalent within {margin}",
    Answer.CANNOT_TELL: "the data cannot tell {a} and {b} apart",
}
_LIMITS = {
    Limit.BEYOND: "shown to be slower by more than {allowed}",
    Limit.WITHIN: "not slower by more than {allowed}",
    Limit.CANNOT_TELL: "the data cannot tell whether it is slower by more than {allowed}",
}


def title(found: GroupComparison) -> str:
    """`yolov9-c on Raspberry Pi 5: burst, standard protocol`."""
    return f"{found.group.model} on {found.board}: {row_text.group_detail(found.group)}"


def marks(found: GroupComparison) -> tuple[str, ...]:
    """The marks that hold for the group, gravest first."""
    return row_text.marks_of(found.group, is_provisional=found.provisional)


def answer(found: GroupComparison) -> str:
    """The answer in a sentence, with ratio, interval and what was replicated."""
    own = found.comparison
    words = WORDS[own.answer].format(a=own.a, b=own.b, margin=numbers_text.percent(own.margin))
    return f"{words}: {_ratio(own)}; {_units(own)}."


def reach(found: GroupComparison) -> Iterator[str]:
    """What such an experiment could have shown, and what would help where it shows nothing."""
    own = found.comparison
    if own.detectable is not None:
        yield f"smallest ratio it could have detected (in 4 of 5 cases): {numbers_text.ratio(own.detectable)}"
    if own.answer is Answer.CANNOT_TELL:
        yield f"what would help: {_help(found)}"


def limit(found: GroupComparison, allowed: float) -> str:
    """Whether A keeps the limit, in a sentence."""
    words = _LIMITS[found.comparison.limit(allowed)].format(allowed=numbers_text.percent(allowed))
    return f"{found.comparison.a}: {words}"


def side_rows(found: GroupComparison) -> list[list[str]]:
    """A table row for each variant, in the order of `COLUMNS`."""
    sides = ((found.comparison.a, found.a), (found.comparison.b, found.b))
    return [[name, *_side_cells(side)] for name, side in sides]


def notes(found: GroupComparison) -> Iterator[str]:
    """What a reader must know of the figures: which assume what, and what was left out."""
    for mark in marks(found):
        yield f"{mark}: {row_text.MARKS[mark]}"
    yield f"pooled: MLPerf's early stopping over the samples of all runs, 99 % confidence; it {ASSUMPTION}"
    if found.coverage is not None:
        yield coverage_text(found.coverage)
    for run in found.excluded:
        yield f"left out: {run.variant} on {run.device}, run {run.run}: {run.reason}"


def markdown(groups: Sequence[GroupComparison], allowed: float | None) -> str:
    """The comparison for a pull request: a sentence and a compact table for each group."""
    return "\n".join(line for found in groups for line in _markdown_lines(found, allowed))


def _markdown_lines(found: GroupComparison, allowed: float | None) -> Iterator[str]:
    yield f"**{markdown_cell(title(found))}**{''.join(f' `{mark}`' for mark in marks(found))}"
    yield ""
    yield markdown_cell(answer(found)) + (f" {markdown_cell(limit(found, allowed))}." if allowed is not None else "")
    yield ""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{' --- |' * len(COLUMNS)}"
    for row in side_rows(found):
        yield f"| {' | '.join(map(markdown_cell, row))} |"
    yield ""
    more = [
        *reach(found),
        *([f"{numbers_text.counted(len(found.excluded), 'run')} left out"] if found.excluded else []),
    ]
    if more:
        yield f"<sub>{markdown_cell('; '.join(more))}</sub>"
        yield ""


def _ratio(own: Comparison) -> str:
    if own.ratio is None:
        return "there is no common block"
    interval = None if own.low is None or own.high is None else (own.low, own.high)
    shown = numbers_text.ratio_with_interval(own.ratio, interval)
    return f"{own.a} takes {shown} the time of {own.b}" + ("" if interval is None else " (95 % interval)")


def _units(own: Comparison) -> str:
    scope = "holds for boards of this type" if own.unit is Unit.BOARD else "holds for the boards measured"
    return f"{numbers_text.counted(own.units, f'common {own.unit.value}')}, {scope}"


def _help(found: GroupComparison) -> str:
    own = found.comparison
    if found.a is None or found.b is None:
        missing = own.a if found.a is None else own.b
        return f"a run of {missing} here that can be compared"
    if own.units < 2:
        return "at least 2 blocks in which both were measured (pifarm submit MODEL --blocks 5)"
    if found.needed is None:
        return "another margin: the ratio lies so close to this one that no sensible number of blocks would tell"
    noun = "blocks (pifarm study extend)" if own.unit is Unit.BLOCK else "boards of this type"
    return f"about {max(1, found.needed - own.units)} more {noun}, if ratio and scatter are what they look like"


def _side_cells(side: Side | None) -> list[str]:
    if side is None:
        return [numbers_text.ABSENT] * (len(COLUMNS) - 2) + ["0"]
    return [
        numbers_text.ms_with_interval(side.median_ms, *(side.median_ci_ms or (None, None))),
        numbers_text.ms_with_interval(side.p90_ms, *(side.p90_ci_ms or (None, None))),
        numbers_text.ms(side.pooled_p90_ms),
        numbers_text.ms(side.pooled_p99_ms),
        f"{side.runs} ({numbers_text.count(side.pooled_samples)} inferences)",
    ]


def markdown_cell(text: str) -> str:
    """Text on one line that can be neither markup nor a link in Markdown."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#!" else char for char in " ".join(text.split()))
