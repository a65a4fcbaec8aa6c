"""The leaderboard of one group as a table: cells are numbers, so that a click on a column sorts, shown as our texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from orchestrator.charts import style
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.text import numbers_text, row_text
from orchestrator.text.compare_text import markdown_cell

_TIE = 0.5
_PARETO = {True: "on the front", False: "beaten", None: ""}
_HELP = {
    "Rank": "1 + the number of variants that are faster beyond doubt. '=' : not told apart from another one.",
    "Median": "Median over the runs of each run's median.",
    "95 % interval": "Of the median, from the spread between runs; needs two runs.",
    "Runs": "How many runs the row rests on.",
    "By run": "The median of each run, from the oldest to the newest. Each curve has a scale of its own.",
    "Energy": "Of an inference, gross: what the whole board drew. Only where power was measured.",
    "Pareto": "No other variant here is at least as good in all that is weighed, and better in something.",
    "p90": "Nine of ten inferences are at least this fast; needs enough inferences.",
    "p90, 95 %": "Interval of the p90; needs more inferences than the p90 itself.",
    "Speedup": "The baseline's median over this one's, paired by block where both have the block.",
    "Settled rate": "Rate of the last 300 s of a soak over that of its first minute; 1 is perfectly steady.",
    "Throttles after": "When half of the soaks had throttled by heat, or until when fewer had.",
    "Flips": "Variants that this one is slower than here and faster than in the other regime, both beyond doubt.",
    "Peak memory": "Highest resident memory of the measuring process.",
    "Verdicts": "How far the runs may be trusted; invalid runs are not ranked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its values, row by row, and what a value reads like; without `shown` a value is its own text.

    The values of a curve are lists of numbers.
    """

    name: str
    values: list[Any]
    shown: Callable[[Any], str] | None = None
    is_curve: bool = False

    def texts(self) -> list[str]:
        """Its values as a reader sees them."""
        return [_absent_or(self.shown)(value) if self.shown else str(value) for value in self.values]


def board_columns(rows: Sequence[LeaderboardRow], curves: Mapping[str, Sequence[float]] | None = None) -> list[Column]:
    """The columns of one group's table; metrics have one for each source, marks only where a row has one.

    `curves` are small curves by variant, each of at least two values.
    """
    marks = Column(name="Mark", values=[row_text.row_marks(row) for row in rows])
    p90_intervals = [numbers_text.ms_interval(row.p90_ci_low_ms, row.p90_ci_high_ms) for row in rows]
    has_p90_interval = any(row.p90_ci_low_ms is not None for row in rows)
    notes = Column(name="Notes", values=["; ".join(row.marks) for row in rows])
    own_curves = [list((curves or {}).get(row.variant, ())) for row in rows]
    curve = Column(name="By run", values=own_curves, is_curve=True)
    return [
        Column(name="Rank", values=[row.rank + _TIE * bool(row.tied_with) for row in rows], shown=_rank),
        Column(name="Variant", values=[row.variant for row in rows]),
        Column(name="Median", values=[row.median_ms for row in rows], shown=numbers_text.ms),
        Column(name="95 % interval", values=[numbers_text.ms_interval(row.ci_low_ms, row.ci_high_ms) for row in rows]),
        *([curve] if any(own_curves) else []),
        *([marks] if any(marks.values) else []),
        Column(name="p90", values=[row.p90_ms for row in rows], shown=numbers_text.ms),
        *([Column(name="p90, 95 %", values=p90_intervals)] if has_p90_interval else []),
        Column(name="Speedup", values=[row.speedup for row in rows], shown=numbers_text.ratio),
        Column(name="Speedup, 95 %", values=[numbers_text.ratio_interval(row.speedup_ci) for row in rows]),
        *_metric_columns(rows),
        *_heat_columns(rows),
        Column(name="Size", values=[row.size_bytes or None for row in rows], shown=numbers_text.size),
        Column(name="Peak memory", values=[row.peak_rss_bytes for row in rows], shown=numbers_text.size),
        *_energy_columns(rows),
        Column(name="Pareto", values=[_PARETO[row.pareto] for row in rows]),
        Column(name="Verdicts", values=[row_text.verdicts(row.verdicts) for row in rows]),
        Column(name="Runs", values=[row.runs for row in rows], shown=numbers_text.count),
        Column(name="Inferences", values=[row.samples for row in rows], shown=numbers_text.count),
        *([notes] if any(notes.values) else []),
        Column(name="Format", values=[row.format for row in rows]),
        Column(name="Runtime", values=[f"{row.runtime} {row.runtime_version}" for row in rows]),
        Column(name="Devices", values=[", ".join(row.devices) for row in rows]),
    ]


def styled(columns: Sequence[Column]) -> Styler:
    """The columns as a frame that shows texts and sorts by values; what is absent reads `n/a`."""
    frame = pd.DataFrame({column.name: column.values for column in columns})
    shown = frame.style.format({column.name: _absent_or(column.shown) for column in columns if column.shown})
    return shown.apply(_set_apart, axis=None) if "Mark" in frame else shown


def board_markdown(columns: Sequence[Column]) -> str:
    """The table as Markdown, each figure as it is shown; without the curves."""
    return "\n".join(_markdown_lines([column for column in columns if not column.is_curve]))


def column_settings(columns: Sequence[Column]) -> dict[str, Any]:
    """How Streamlit shows each column: numbers stand right, headers explain themselves."""
    return {column.name: _settings(column) for column in columns}


def _settings(column: Column) -> Any:
    explanation = _HELP.get(column.name)
    if column.is_curve:
        return st.column_config.LineChartColumn(help=explanation, width=110, color=style.ACCENT)
    if column.shown:
        return st.column_config.NumberColumn(help=explanation, alignment="right")
    return st.column_config.TextColumn(help=explanation)


def _set_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """The name of what was not measured on a board, and the mark that says so, in the colour of its picture."""
    looks = pd.DataFrame("", index=frame.index, columns=frame.columns)
    is_apart = frame["Mark"].str.contains(f"{row_text.SIMULATED}|{row_text.PUBLISHED}")
    looks.loc[is_apart, ["Variant", "Mark"]] = f"color: {style.WARNING}; font-style: italic"
    return looks


def _markdown_lines(columns: Sequence[Column]) -> Iterator[str]:
    yield _markdown_row(column.name for column in columns)
    yield f"|{' --- |' * len(columns)}"
    for cells in zip(*(column.texts() for column in columns), strict=True):
        yield _markdown_row(cells)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def _energy_columns(rows: Sequence[LeaderboardRow]) -> list[Column]:
    energies = Column(name="Energy", values=[row.energy_j for row in rows], shown=numbers_text.joules)
    intervals = Column(
        name="Energy, 95 %", values=[_interval(row.energy_ci_low_j, row.energy_ci_high_j) for row in rows]
    )
    return [
        *([energies] if any(row.energy_j is not None for row in rows) else []),
        *([intervals] if any(row.energy_ci_low_j is not None for row in rows) else []),
    ]


def _metric_columns(rows: Sequence[LeaderboardRow]) -> list[Column]:
    keys = sorted({(name, str(fact["source"])) for row in rows for name, fact in row.metrics.items()})
    return [column for name, source in keys for column in _columns_of_metric(rows, name, source)]


def _columns_of_metric(rows: Sequence[LeaderboardRow], name: str, source: str) -> Iterator[Column]:
    """Its values, and their intervals where they have some: those that boards have shown."""
    title = f"{name}, {source}"
    facts = [fact if (fact := row.metrics.get(name)) and fact["source"] == source else {} for row in rows]
    yield Column(name=title, values=[fact.get("value") for fact in facts], shown=numbers_text.plain)
    if any(fact.get("low") is not None for fact in facts):
        ends = [_interval(fact.get("low"), fact.get("high")) for fact in facts]
        yield Column(name=f"{title}, 95 %", values=ends)


def _heat_columns(rows: Sequence[LeaderboardRow]) -> list[Column]:
    """What is known of the other regime and of throttling; each column only where some row has it."""
    others = [row.other_regime for row in rows]
    regime = next((other.regime.capitalize() for other in others if other is not None), "")
    ranks = [None if other is None else other.rank + _TIE * bool(other.tied_with) for other in others]
    medians = [None if other is None else other.median_ms for other in others]
    ratios = Column(name="Settled rate", values=[row.sustained_ratio for row in rows], shown=numbers_text.ratio)
    throttles = Column(name="Throttles after", values=[row_text.throttles(row) for row in rows])
    flips = Column(name="Flips", values=[row_text.flips(row) for row in rows])
    is_watched = any(row.throttles_known_until_s is not None for row in rows)
    return [
        *([Column(name=f"{regime} rank", values=ranks, shown=_rank)] if regime else []),
        *([Column(name=f"{regime} median", values=medians, shown=numbers_text.ms)] if regime else []),
        *([ratios] if any(ratio is not None for ratio in ratios.values) else []),
        *([throttles] if is_watched else []),
        *([flips] if any(flips.values) else []),
    ]


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return numbers_text.ABSENT
    return " to ".join(f"{end:#.3g}".rstrip(".") for end in (low, high))


def _rank(value: float | None) -> str:
    if value is None:
        return numbers_text.ABSENT
    return f"{int(value)} =" if value % 1 else f"{int(value)}"


def _absent_or(shown: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: shown(None) if pd.isna(value) else shown(value)
