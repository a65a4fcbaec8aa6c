"""How long the processor really ran at which clock: one bar a run, from the true clock, not from the requested one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """Shares (0..1) of the window's time by true clock in MHz, under one name."""

    name: str
    shares: Mapping[int, float]
    simulated: bool = False


def residency_chart(bars: Sequence[Residency]) -> LayeredChart:
    """Stacked bars, the highest clock first; darker is slower."""
    frame = pd.DataFrame(
        [
            {"name": bar.name, "clock_mhz": clock_mhz, "share": share, "order": -clock_mhz}
            for bar in bars
            for clock_mhz, share in bar.shares.items()
        ]
    )
    stacked = (
        alt.Chart(frame)
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("share:Q", title="share of the window", axis=alt.Axis(format="%"), stack="zero"),
            y=alt.Y("name:N", title=None, sort=[bar.name for bar in bars], axis=alt.Axis(labelLimit=230)),
            color=alt.Color(
                "clock_mhz:Q",
                title="true clock, MHz",
                scale=alt.Scale(scheme="viridis"),
                legend=alt.Legend(orient="bottom", direction="horizontal", gradientLength=200, format=",d"),
            ),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("clock_mhz:Q"), alt.Tooltip("share:Q", format=".1%")],
        )
    )
    return legend.marked(alt.layer(stacked).properties(height=28 * len(bars)), (bar.simulated for bar in bars))
