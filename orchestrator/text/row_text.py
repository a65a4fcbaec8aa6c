"""What a leaderboard's rows and groups say in words, the same on the page and in the report. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.wire.spec import Regime
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow
from orchestrator.text import numbers_text

SIMULATED = "SIMULATED"
PUBLISHED = "PUBLISHED"
PROVISIONAL = "PROVISIONAL"
FLIPS = "FLIPS"

# What each mark means, for whoever meets it.
MARKS = {
    SIMULATED: "Simulated hardware or an emulated processor: it says nothing about a real board.",
    PUBLISHED: "Taken from a publication, not measured by this farm.",
    PROVISIONAL: "A short or changed protocol; run the standard one as it is before you decide.",
    FLIPS: "Cold and hot disagree: beyond doubt slower than another variant in one regime, and faster in the other.",
}
_HEAT = {True: "while cold", False: "once hot"}


def group_title(group: Group) -> str:
    """`digits-cnn on pi5`."""
    return f"{group.model} on {group.board_type}"


def group_detail(group: Group) -> str:
    """`burst, standard protocol, input 1x1x8x8`."""
    shape = f", input {group.input_shape}" if group.input_shape else ""
    return f"{group.regime}, {group.protocol} protocol{shape}"


def group_marks(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """The marks that hold for the rows of one group, gravest first."""
    own = marks_of(rows[0].group, is_provisional=any(row.provisional for row in rows))
    return (*own, FLIPS) if any(row.flips for row in rows) else own


def marks_of(group: Group, *, is_provisional: bool) -> tuple[str, ...]:
    """The marks of a group, gravest first."""
    found = {
        SIMULATED: group.source == "simulated",
        PUBLISHED: group.source == "published",
        PROVISIONAL: is_provisional,
    }
    return tuple(mark for mark, applies in found.items() if applies)


def row_marks(row: LeaderboardRow) -> str:
    """The marks of one row, `SIMULATED, PROVISIONAL`; empty for a plain measurement."""
    return ", ".join(group_marks([row]))


def rank(row: LeaderboardRow) -> str:
    """`1`, or `1 =` where the row is not told apart from another."""
    return f"{row.rank} =" if row.tied_with else str(row.rank)


def throttles(row: LeaderboardRow) -> str:
    """`3 min 20 s`, or `not within 20 min 00 s` where fewer than half of the soaks had throttled by then."""
    if row.throttles_after_s is not None:
        return numbers_text.duration(row.throttles_after_s)
    known_s = row.throttles_known_until_s
    return numbers_text.ABSENT if known_s is None else f"not within {numbers_text.duration(known_s)}"


def flips(row: LeaderboardRow, names: Mapping[str, str] | None = None) -> str:
    """`faster than fp32 once hot`: what a row does in the other regime and not in its own; `names` shorten others."""
    others = [(names or {}).get(other, other) for other in row.flips]
    return f"faster than {_and(others)} {_HEAT[not _is_cold(row)]}" if others else ""


def line_flips(burst: LeaderboardRow | None, sustained: LeaderboardRow | None, names: Mapping[str, str]) -> str:
    """What one variant does in either regime and not in the other, others by their short `names`."""
    return ", ".join(flips(row, names) for row in (burst, sustained) if row is not None and row.flips)


def metric(fact: Mapping[str, Any] | None) -> str:
    """`0.972 (declared)`: a metric never goes without where it comes from."""
    return "" if fact is None else f"{numbers_text.plain(fact['value'])} ({fact['source']})"


def verdicts(counts: Mapping[str, int]) -> str:
    """`4 valid, 1 suspect`."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def headline(rows: Sequence[LeaderboardRow]) -> str:
    """The answer of one group in a sentence: who is fastest, or that the data cannot tell."""
    if rows[0].group.source == PUBLISHED.lower():
        return f"{rows[0].marks[-1][0].upper()}{rows[0].marks[-1][1:]}: shown for comparison, not measured here."
    leader, leaders = rows[0], [row.variant for row in rows if row.rank == rows[0].rank]
    if len(rows) == 1:
        return f"Only {leader.variant} was measured: {_figure(leader)}."
    if len(leaders) == 1:
        gain = f", {numbers_text.ratio(leader.speedup)} the baseline's speed" if _is_gain(leader) else ""
        return f"{leader.variant} is fastest: {_figure(leader)}{gain}."
    if len(leaders) == len(rows):
        return f"No variant is told apart from the others; {leader.variant} has the lowest median: {_figure(leader)}."
    return (
        f"{', '.join(leaders[:-1])} and {leaders[-1]} lead; they are not told apart. Lowest median: {_figure(leader)}."
    )


def flip_lines(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """A sentence for each row of a group whose order turns round in the other regime."""
    return tuple(f"{row.variant} is {flips(row)}, and slower {_HEAT[_is_cold(row)]}." for row in rows if row.flips)


def reach(rows: Sequence[LeaderboardRow]) -> str:
    """What the group could have told, and how its boards differ; empty where neither is known."""
    detectable = max((row.detectable for row in rows if row.detectable is not None), default=None)
    spread = max((row.board_cv for row in rows if row.board_cv is not None), default=None)
    parts = [
        *([f"Smallest detectable ratio: {numbers_text.ratio(detectable)}."] if detectable is not None else []),
        *([f"Boards differ by up to {numbers_text.percent(spread)} (CV)."] if spread is not None else []),
    ]
    return " ".join(parts)


def _is_cold(row: LeaderboardRow) -> bool:
    return row.regime == Regime.BURST.value


def _and(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _figure(row: LeaderboardRow) -> str:
    return numbers_text.ms_with_interval(row.median_ms, row.ci_low_ms, row.ci_high_ms)


def _is_gain(row: LeaderboardRow) -> bool:
    return row.speedup is not None and row.speedup > 1
