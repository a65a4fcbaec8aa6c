"""Axes and legends that every panel shares: titles stand above a panel, where a narrow screen has room for them."""

import altair as alt

LayeredChart = alt.LayerChart | alt.FacetChart  # what alt.layer gives


def upright(field: str, title: str, scale: alt.Scale | None = None) -> alt.Y:
    """A vertical quantity, by default on a scale that need not begin at zero."""
    return alt.Y(f"{field}:Q", scale=scale or alt.Scale(zero=False, padding=4), axis=titled_axis(title))


def titled_axis(title: str) -> alt.Axis:
    """An axis with its title above the panel."""
    return alt.Axis(
        title=title,
        titleAngle=0,
        titleAlign="left",
        titleAnchor="end",
        titleX=0,
        titleY=-6,
        titleBaseline="bottom",
        tickCount=4,
        ticks=False,
    )


def inner_axis(title: str) -> alt.Axis:
    """The same with its labels inside the panel, for names that are too long for a margin."""
    axis = titled_axis(title)
    axis.labelAlign, axis.labelPadding, axis.grid = "left", -6, False
    axis.labelOverlap = axis.labelFlush = axis.labelBound = False
    return axis


def beside_title() -> alt.Legend:
    """A legend on the line of the panel's title."""
    return alt.Legend(title=None, orient="none", direction="horizontal", legendX=96, legendY=-25, symbolOpacity=1)
