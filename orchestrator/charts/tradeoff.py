"""What is given for what: variants by two of their figures, with the front that nothing beats in both.

A mark can be clicked: the selection `PICK` then holds its variant. Simulated figures are hollow and of another colour,
as in the ranking; the one that is chosen has a ring.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures.pareto import Better, Place, front

PICK = "pick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure of a variant: its name with its unit, and which way it is good."""

    title: str
    better: Better


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A variant by two figures, each with the text that a reader sees."""

    variant: str
    x: float
    y: float
    x_text: str
    y_text: str
    simulated: bool


def tradeoff_chart(spots: Sequence[Spot], x: Measure, y: Measure, chosen: str | None = None) -> LayeredChart:
    """The variants, and a line along those that no other one beats in both; there is at least one."""
    best = front_of(spots, x, y)
    colour = style.WARNING if any(spot.simulated for spot in spots) else style.ACCENT
    frame = _frame(spots)
    named = frame[frame["variant"].isin([spot.variant for spot in best] + ([chosen] if chosen else []))]
    across = alt.X("x:Q", scale=alt.Scale(zero=False, padding=24), axis=alt.Axis(title=_worded(x), tickCount=6))
    up = alt.Y("y:Q", scale=alt.Scale(zero=False, padding=18), axis=alt.Axis(title=_worded(y), tickCount=5))
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("x_text:N", title=x.title), alt.Tooltip("y_text:N", title=y.title)]
    edge = alt.Chart(_frame(best)).mark_line(interpolate=_corner(x), strokeWidth=1.2, color=colour, opacity=0.7)
    marks = alt.Chart(frame).mark_point(size=90, strokeWidth=2.5, color=colour, opacity=1, cursor="pointer")
    filling = alt.Fill("simulated:N", scale=alt.Scale(domain=[False, True], range=[colour, "transparent"]), legend=None)
    layers = [
        edge.encode(x=across, y=up, order=alt.Order("x:Q")),
        marks.encode(x=across, y=up, fill=filling, tooltip=tooltip).add_params(
            alt.selection_point(name=PICK, fields=["variant"], empty=False)
        ),
        alt.Chart(named)
        .mark_text(align="left", dx=9, dy=-9, fontSize=11, color=style.MUTED, limit=240)
        .encode(x=across, y=up, text="variant:N"),
    ]
    if chosen is not None:
        ring = alt.Chart(frame[frame["variant"] == chosen]).mark_point(size=330, strokeWidth=2, color=style.MUTED)
        layers.append(ring.encode(x=across, y=up))
    return alt.layer(*layers).properties(height=300, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))


def front_of(spots: Sequence[Spot], x: Measure, y: Measure) -> list[Spot]:
    """Those that no other one beats in both figures, in the order of `x`, the best first."""
    sign = 1.0 if x.better is Better.LOWER else -1.0
    by_name = {spot.variant: spot for spot in spots}
    places = [Place(name=spot.variant, regime="", latency_ms=sign * spot.x, value=spot.y) for spot in spots]
    return [by_name[place.name] for place in front(places, y.better)]


def _corner(x: Measure) -> Literal["step-after", "step-before"]:
    """Where the stairs of the front turn: they go around what is beaten."""
    return "step-after" if x.better is Better.LOWER else "step-before"


def _worded(measure: Measure) -> str:
    return f"{measure.title} ({measure.better.value})"


def _frame(spots: Sequence[Spot]) -> pd.DataFrame:
    names = ("variant", "x", "y", "x_text", "y_text", "simulated")
    return pd.DataFrame([[getattr(spot, name) for name in names] for spot in spots], columns=list(names))
