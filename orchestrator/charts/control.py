"""The control chart of a device's canaries: each median in time, between the limits that held when it came."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import altair as alt
import numpy as np
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart, upright
from orchestrator.queries.canary import CanaryChart, CanaryPoint
from orchestrator.text import numbers_text

Channel = TypeVar("Channel", alt.Shape, alt.Size, alt.Color)
KINDS = ("in control", "beyond the limits", "disturbed from outside")
_SHAPES = ("circle", "triangle-up", "cross")


def control_chart(chart: CanaryChart) -> LayeredChart:
    """Dots are canaries, the band is where they may be; one beyond it is a triangle. There is at least one canary."""
    colour = style.WARNING if chart.simulated else style.ACCENT
    frame = pd.DataFrame([_facts(point) for point in chart.points])
    since = alt.Scale(domain=[min(-1.0, float(frame["hours"].min())), 0.0], nice=False)
    shown = alt.Chart(frame).encode(
        x=alt.X("hours:Q", scale=since, axis=alt.Axis(title="hours until now", tickCount=8))
    )
    title, around = "canary, median latency, ms", _around(frame)
    band = shown.mark_area(interpolate="step-before", color=style.MUTED, opacity=0.18)
    dots = shown.mark_point(filled=True, opacity=1).encode(
        y=upright("median_ms", title, scale=around),
        shape=_by_kind(alt.Shape, _SHAPES),
        size=_by_kind(alt.Size, (50, 160, 70)),
        color=_by_kind(alt.Color, (colour, colour, style.MUTED)),
        tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in ("median", "limits", "kind", "run")],
    )
    drawn = alt.layer(band.encode(y=upright("low_ms", title, scale=around), y2="high_ms:Q"), dots)
    return drawn.properties(height=150, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))


def _facts(point: CanaryPoint) -> dict[str, object]:
    return {
        "hours": -point.age_s / 3600,
        "median_ms": point.median_ms,
        "low_ms": point.low_ms,
        "high_ms": point.high_ms,
        "kind": KINDS[2] if not point.is_clear else KINDS[1] if point.is_out else KINDS[0],
        "median": numbers_text.ms(point.median_ms),
        "limits": numbers_text.ms_interval(point.low_ms, point.high_ms),
        "run": point.run,
    }


def _around(frame: pd.DataFrame) -> alt.Scale:
    """A tenth more than what is drawn, so that one canary alone has an axis, too."""
    values = frame[["median_ms", "low_ms", "high_ms"]].to_numpy(np.float64)
    return alt.Scale(domain=[0.9 * float(np.nanmin(values)), 1.1 * float(np.nanmax(values))], nice=True)


def _by_kind(channel: Callable[..., Channel], values: Sequence[str | int]) -> Channel:
    legend = alt.Legend(title=None, orient="bottom", direction="horizontal")
    return channel("kind:N", scale=alt.Scale(domain=list(KINDS), range=list(values)), legend=legend)
