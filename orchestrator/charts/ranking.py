"""The ranking of one group as interval bars: bar = 95 % interval, dot = median, tick = p90.

Simulated figures have another colour and a hollow dot, published ones a hollow dot: no picture of them passes for a
measurement.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.text import numbers_text

ROW_PX = 40


def ranking_chart(rows: Sequence[LeaderboardRow]) -> LayeredChart:
    """Interval bars of the rows of one group, in their order, the name of each variant above its bar."""
    frame = pd.DataFrame([_facts(row) for row in rows])
    colour = style.WARNING if any(row.simulated for row in rows) else style.ACCENT
    names = names_above(list(frame["variant"]))
    bars = _marks(frame, "low_ms").mark_rule(strokeWidth=7, strokeCap="round", opacity=0.4, color=colour)
    tails = _marks(frame, "p90_ms").mark_tick(thickness=2, size=11, color=style.MUTED)
    dots = _marks(frame, "median_ms").mark_point(size=75, strokeWidth=2.5, color=colour, opacity=1)
    layers = [
        bars.encode(x=_milliseconds("low_ms"), x2="high_ms:Q", y=names, tooltip=_tooltips()),
        tails.encode(x=_milliseconds("p90_ms"), y=names, tooltip=_tooltips()),
        dots.encode(x=_milliseconds("median_ms"), fill=_filling(colour), y=names, tooltip=_tooltips()),
    ]
    drawn = [layer for layer in layers if len(layer.data)]
    return alt.layer(*drawn).properties(
        height=ROW_PX * len(rows), autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )


def _marks(frame: pd.DataFrame, column: str) -> alt.Chart:
    """A chart of the rows that have this figure; an empty layer would make the axis guess."""
    return alt.Chart(frame[frame[column].notna()])


def _facts(row: LeaderboardRow) -> dict[str, object]:
    return {
        "variant": row.variant,
        "median_ms": row.median_ms,
        "low_ms": row.ci_low_ms,
        "high_ms": row.ci_high_ms,
        "p90_ms": row.p90_ms,
        "is_hollow": row.simulated or row.provisional or not row.runs,
        "median": numbers_text.ms(row.median_ms),
        "interval": numbers_text.ms_interval(row.ci_low_ms, row.ci_high_ms),
        "p90": numbers_text.ms(row.p90_ms),
        "runs": row.runs,
    }


def _milliseconds(field: str) -> alt.X:
    return alt.X(
        f"{field}:Q",
        scale=alt.Scale(zero=False, nice=True, padding=12),
        axis=alt.Axis(title="latency, ms", tickCount=6),
    )


def names_above(variants: list[str]) -> alt.Y:
    """A line for each variant, its name above its marks, where a narrow screen has room for it."""
    names_above_bars = alt.Axis(
        title=None,
        labelAlign="left",
        labelPadding=-6,
        labelOffset=-15,
        labelLimit=420,
        ticks=False,
        domain=False,
        grid=False,
    )
    return alt.Y("variant:N", axis=names_above_bars, scale=alt.Scale(domain=variants, padding=0.7))


def _filling(colour: str) -> alt.Fill:
    return alt.Fill("is_hollow:N", scale=alt.Scale(domain=[False, True], range=[colour, "transparent"]), legend=None)


def _tooltips() -> list[alt.Tooltip]:
    shown = {"variant": "variant", "median": "median", "interval": "95 % interval", "p90": "p90"}
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in shown.items()] + [
        alt.Tooltip("runs:Q", title="runs")
    ]
