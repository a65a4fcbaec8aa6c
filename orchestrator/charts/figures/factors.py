"""Boards under the values of a label side by side: each board a mark, and what the boards of a value have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend

_SPREAD = 2.0  # half a column, where boards stand between -1 and 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Boards under one value of a label, by what each gives; `center` with its 95 % interval, None below two boards."""

    name: str
    boards: Mapping[str, float]
    center: float
    interval: tuple[float, float] | None = None
    simulated: bool = False


def factor_chart(sides: Sequence[Side], factor: str, title: str) -> LayeredChart:
    """A column for each value of the label `factor`: its boards, their mean, its interval; `title` has a unit."""
    names = [side.name for side in sides]
    level = alt.X("name:N", title=factor, sort=names, axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.6))
    colour = legend.coloured(names)
    scale = alt.Scale(zero=False, padding=12)
    boards, centers = alt.Chart(_boards(sides)), alt.Chart(_centers(sides))
    drawn = alt.layer(
        centers.mark_rule(strokeWidth=1.5).encode(
            x=level, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q", color=colour
        ),
        centers.mark_tick(thickness=3, size=44, orient="horizontal").encode(
            x=level, y=alt.Y("value:Q", title=title, scale=scale), color=colour
        ),
        boards.mark_point(filled=True, size=60, opacity=0.85, stroke=style.INK, strokeWidth=0.4).encode(
            x=level,
            xOffset=alt.XOffset("place:Q", scale=alt.Scale(domain=[-_SPREAD, _SPREAD])),
            y=alt.Y("value:Q", title=title, scale=scale),
            color=colour,
            shape=legend.shaped(names),
            tooltip=[alt.Tooltip("board:N"), alt.Tooltip("value:Q", title=title, format=".4~g")],
        ),
    )
    return legend.marked(drawn.properties(height=260), (side.simulated for side in sides))


def _boards(sides: Sequence[Side]) -> pd.DataFrame:
    """Each board beside its neighbours, so that equal ones do not hide each other."""
    rows = []
    for side in sides:
        count = len(side.boards)
        for number, (board, value) in enumerate(sorted(side.boards.items())):
            place = 0.0 if count == 1 else 2 * number / (count - 1) - 1
            rows.append({"name": side.name, "board": board, "value": value, "place": place})
    return pd.DataFrame(rows)


def _centers(sides: Sequence[Side]) -> pd.DataFrame:
    """Without an interval both of its ends are the mean: a rule without length."""
    ends = {side.name: side.interval or (side.center, side.center) for side in sides}
    return pd.DataFrame(
        [
            {"name": side.name, "value": side.center, "low": ends[side.name][0], "high": ends[side.name][1]}
            for side in sides
        ]
    )
