"""A variant under the values of a label, in words: for a terminal and for a pull request. Pure.

The ratio is of latencies, as everywhere: below 1 where the value is faster than the baseline.
"""

from collections.abc import Callable, Iterator, Sequence

from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.factors import Contrast, Design, LevelComparison, OverBoards
from orchestrator.analysis.thermal.survival import Survival
from orchestrator.queries.factors import Difference, FactorComparison, Level, Rooms
from orchestrator.queries.groups import coverage_text
from orchestrator.text import numbers_text, row_text
from orchestrator.text.compare_text import WORDS, markdown_cell

_FIGURES = {
    "end_c": "the die at the end",
    "settled_c": "where it would settle if nothing throttled",
    "rise_c": "how far above the room it would settle",
}


def title(found: FactorComparison) -> str:
    """`yolov9-c/int8@onnxruntime,t4 on Raspberry Pi 4 by cooling: sustained, sustained protocol`."""
    variant = f"{found.group.model}/{found.variant}"
    return f"{variant} on {found.board} by {found.factor}: {row_text.group_detail(found.group)}"


def marks(found: FactorComparison) -> tuple[str, ...]:
    """The marks that hold for the group, gravest first."""
    return row_text.marks_of(found.group, is_provisional=found.provisional)


def answers(found: FactorComparison) -> Iterator[str]:
    """An answer for each value of the label, then how temperatures differ; or why there is nothing to compare."""
    if not found.comparisons:
        have = f"only {found.factor}={found.levels[0].level}" if found.levels else f"no run with a label {found.factor}"
        yield f"there is nothing to compare: {have}; {_label_help(found)}"
    for own in found.comparisons:
        yield _answer(found, own)
        if own.answer is Answer.CANNOT_TELL:
            yield f"what would help: {_help(found, own)}"
        elif own.detectable is not None:
            yield f"smallest ratio it could have detected (in 4 of 5 cases): {numbers_text.ratio(own.detectable)}"
    for difference in found.differences:
        yield _difference(found, difference)


def columns(found: FactorComparison) -> tuple[str, ...]:
    """The columns of `rows`; those of heat only where something is known of it."""
    return (found.factor, "boards", "runs", latency_title(found), *(name for name, _ in _heat(found)), "room")


def rows(found: FactorComparison) -> list[list[str]]:
    """A row for each value of the label."""
    heat = [[show(level) for level in found.levels] for _, show in _heat(found)]
    return [
        [
            level.level + (" (baseline)" if level.level == found.baseline and found.comparisons else ""),
            f"{len(level.devices)}: {', '.join(level.devices)}",
            str(level.runs),
            _latency(level.latency_ms),
            *(column[number] for column in heat),
            _rooms(level.rooms),
        ]
        for number, level in enumerate(found.levels)
    ]


def cautions(found: FactorComparison) -> Iterator[str]:
    """What a reader must know of the answers: marks, what else differed, rooms."""
    for mark in marks(found):
        yield f"{mark}: {row_text.MARKS[mark]}"
    for level, own in found.goes_with.items():
        for name, (there, here) in own.items():
            yield (
                f"{name} differs wherever {found.factor} does: {_values(there)} with {level}, {_values(here)} with "
                f"{found.baseline}; the difference may be its doing"
            )
    if any(level.rooms.unknown or level.rooms.stated for level in found.levels) and found.group.regime == "sustained":
        yield "rooms that no thermometer measured may have differed more than they say; a warmer room throttles sooner"
    if found.coverage is not None:
        yield coverage_text(found.coverage)


def notes(found: FactorComparison) -> Iterator[str]:
    """What a reader must know: marks, what else differed, rooms, what was left out."""
    yield from cautions(found)
    for run in found.excluded:
        yield f"left out: {run.device}, run {run.run}: {run.reason}"


def markdown(groups: Sequence[FactorComparison]) -> str:
    """The comparison for a pull request: sentences and a table for each group."""
    return "\n".join(line for found in groups for line in _markdown_lines(found))


def _markdown_lines(found: FactorComparison) -> Iterator[str]:
    yield f"**{markdown_cell(title(found))}**{''.join(f' `{mark}`' for mark in marks(found))}"
    yield ""
    for line in answers(found):
        yield f"- {markdown_cell(line)}"
    yield ""
    names = columns(found)
    yield f"| {' | '.join(map(markdown_cell, names))} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows(found):
        yield f"| {' | '.join(map(markdown_cell, row))} |"
    yield ""
    more = [*notes(found)]
    if more:
        yield f"<sub>{markdown_cell('; '.join(more))}</sub>"
        yield ""


def _answer(found: FactorComparison, own: LevelComparison) -> str:
    a, b = (f"{found.factor}={level}" for level in (own.level, own.baseline))
    words = WORDS[own.answer].format(a=a, b=b, margin=numbers_text.percent(own.margin))
    interval = None if own.low is None or own.high is None else (own.low, own.high)
    ratio = numbers_text.ratio_with_interval(own.ratio, interval)
    sure = " (95 % interval)" if interval else ""
    return f"{words}: {own.level} takes {ratio} the time of {own.baseline}{sure}; {_design(found, own.contrast)}."


def _design(found: FactorComparison, own: Contrast) -> str:
    a, b = len(own.boards_a), len(own.boards_b)
    match own.design:
        case Design.PAIRED:
            return f"paired on {a} boards that were measured under both, holds for boards of this type"
        case Design.BETWEEN:
            return f"{_boards(a)} beside {_boards(b)} (Welch), holds for boards of this type"
        case Design.WITHIN:
            names = ", ".join(own.boards_a)
            return f"{own.units} runs of {names} under both, holds for {'this board' if a == 1 else 'these boards'}"
        case Design.CONFOUNDED:
            return (
                f"{_boards(a)} beside {_boards(b)}, so that board and {found.factor} cannot be told apart: the ratio "
                f"describes these boards alone"
            )


def _help(found: FactorComparison, own: LevelComparison) -> str:
    if own.contrast.design is Design.CONFOUNDED:
        return f"two boards or more with each, or one board under both: {_label_help(found)}"
    if own.contrast.effect is None:
        return "a second run under each (pifarm study extend)"
    if own.needed is None:
        return "another margin: no sensible number of boards would tell, the ratio lies too close to this one"
    what = "runs of these boards" if own.contrast.design is Design.WITHIN else "boards"
    return f"about {own.needed} {what} with each, if ratio and scatter are what they look like"


def _label_help(found: FactorComparison) -> str:
    return f"pifarm device label DEVICE {found.factor}=VALUE, then measure (again)"


def _difference(found: FactorComparison, own: Difference) -> str:
    interval = own.contrast.interval
    beside = f" (described alone: {_boards(len(own.contrast.boards_a))} beside {_boards(len(own.contrast.boards_b))})"
    span = beside if interval is None else f" [{interval[0]:+.1f}, {interval[1]:+.1f}]"
    return f"{own.level}: {_FIGURES[own.figure]} is {own.contrast.difference:+.1f} K{span} against {found.baseline}"


def _heat(found: FactorComparison) -> list[tuple[str, Callable[[Level], str]]]:
    """The columns of heat that some value of the label has something in."""
    columns: dict[str, tuple[Callable[[Level], object | None], Callable[[Level], str]]] = {
        "throttles after": (lambda level: level.onset, lambda level: _onset(level.onset)),
        "die at the end": (lambda level: level.end_c, lambda level: _celsius(level.end_c, level)),
        "would settle at": (lambda level: level.settled_c, lambda level: _celsius(level.settled_c, level)),
        "above the room": (lambda level: level.rise_c, lambda level: _kelvin(level.rise_c, level)),
    }
    return [(name, show) for name, (known, show) in columns.items() if any(known(level) for level in found.levels)]


def latency_title(found: FactorComparison) -> str:
    """What the latency of a run is in this regime."""
    return "latency of the last 300 s" if found.group.regime == "sustained" else "latency"


def _latency(own: OverBoards) -> str:
    return numbers_text.ms_with_interval(own.center, *(own.interval or (None, None)))


def _onset(own: Survival | None) -> str:
    """`4 min 10 s [3 min 50 s, 4 min 40 s], 3 of 3 boards`."""
    if own is None:
        return numbers_text.ABSENT
    boards = f"{own.events} of {numbers_text.counted(own.events + own.censored, 'board')}"
    if own.median_s is None:
        return f"not within {numbers_text.duration(own.watched_s)}, {boards} did"
    low, high = (numbers_text.duration(end) if end is not None else "later" for end in own.median_interval_s)
    return f"{numbers_text.duration(own.median_s)} [{low}, {high}], {boards}"


def _celsius(own: OverBoards | None, level: Level) -> str:
    return numbers_text.ABSENT if own is None else numbers_text.celsius(own.center) + _ends(own, level)


def _kelvin(own: OverBoards | None, level: Level) -> str:
    return numbers_text.ABSENT if own is None else f"{own.center:.1f} K" + _ends(own, level)


def _ends(own: OverBoards, level: Level) -> str:
    """The interval, and how many of the boards say it where not all do."""
    known = f", {len(own.by_board)} of {len(level.devices)} boards" if len(own.by_board) < len(level.devices) else ""
    return ("" if own.interval is None else f" [{own.interval[0]:.1f}, {own.interval[1]:.1f}]") + known


def _rooms(own: Rooms) -> str:
    if own.low_c is None or own.high_c is None:
        return "not known"
    span = f"{own.low_c:.1f} to {own.high_c:.1f} °C" if own.high_c - own.low_c >= 0.05 else f"{own.low_c:.1f} °C"
    said = [f"{own.stated} runs stated" if own.stated else "", f"{own.unknown} runs unknown" if own.unknown else ""]
    return ", ".join([span, *filter(None, said)])


def _values(values: Sequence[str]) -> str:
    return " or ".join(value or "none" for value in values)


def _boards(count: int) -> str:
    return f"{count} board{'' if count == 1 else 's'}"
