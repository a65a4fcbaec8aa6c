"""The upper panel of a run's timeline: the latency of its inferences, warm-up and window told apart."""

import altair as alt
import numpy as np
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart, beside_title, upright
from orchestrator.charts.thinning import POINTS, condense, thin
from orchestrator.queries.rows import RunSeries

FEW_INFERENCES = 300
WARM_UP_POINTS = 300


def is_condensed(series: RunSeries) -> bool:
    """Whether the window has more inferences than can be drawn one by one."""
    return int(series.is_counted.sum()) > POINTS


def latency_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """A dot an inference: grey in the warm-up, in colour where it counts, over a band that is the window.

    Of a long window the lowest, median and highest latency of each stretch are drawn instead. The scale is that of the
    counted ones; a slower one of the warm-up is a triangle at the upper edge.
    """
    stretches = _stretches(series, time) if is_condensed(series) else []
    layers = [*_window_band(series, time), *stretches, _dots(series, time).add_params(_zoom())]
    return alt.layer(*layers, height=210)


def _dots(series: RunSeries, time: alt.X) -> alt.Chart:
    dots = alt.Chart(_points(series)).mark_point(
        clip=True, filled=True, opacity=0.75, size=36 if len(series.start_s) <= FEW_INFERENCES else 14
    )
    shades = alt.Scale(domain=["warm-up", "counted"], range=[style.MUTED, style.ACCENT])
    shapes = alt.Scale(domain=[False, True], range=["circle", "triangle-up"])
    shown: alt.Chart = dots.encode(
        x=time,
        y=upright("shown_ms", "latency, ms"),
        color=alt.Color("part:N", scale=shades, legend=beside_title()),
        shape=alt.Shape("is_beyond:N", scale=shapes, legend=None),
        tooltip=[
            alt.Tooltip("number:Q", title="inference"),
            alt.Tooltip("latency_ms:Q", title="latency, ms", format=".4~g"),
            alt.Tooltip("at_s:Q", title="at, s", format=".2f"),
            alt.Tooltip("part:N", title="part"),
        ],
    )
    return shown


def _points(series: RunSeries) -> pd.DataFrame:
    top_ms = float(series.latency_ms[series.is_counted].max(initial=0.0)) or float(series.latency_ms.max())
    warm_up, counted = np.flatnonzero(~series.is_counted), np.flatnonzero(series.is_counted)
    chosen = {
        "warm-up": warm_up[thin(series.latency_ms[warm_up], WARM_UP_POINTS)],
        "counted": counted[:0] if is_condensed(series) else counted,
    }
    kept = np.concatenate(list(chosen.values()))
    latency_ms = series.latency_ms[kept]
    return pd.DataFrame(
        {
            "at_s": series.start_s[kept],
            "latency_ms": latency_ms,
            "number": kept + 1,
            "part": np.repeat(list(chosen), [len(part) for part in chosen.values()]),
            "shown_ms": latency_ms.clip(max=top_ms),
            "is_beyond": latency_ms > top_ms,
        }
    )


def _stretches(series: RunSeries, time: alt.X) -> list[alt.Chart]:
    counted = np.flatnonzero(series.is_counted)
    stretches = condense(series.latency_ms[counted])
    frame = pd.DataFrame(
        {
            "at_s": series.start_s[counted][stretches.middle],
            "low_ms": stretches.low,
            "median_ms": stretches.median,
            "high_ms": stretches.high,
        }
    )
    shown = alt.Chart(frame).encode(x=time, tooltip=[_condensed(name) for name in ("low_ms", "median_ms", "high_ms")])
    band = shown.mark_area(clip=True, color=style.ACCENT, opacity=0.35)
    line = shown.mark_line(clip=True, color=style.ACCENT, strokeWidth=1.5)
    return [
        band.encode(y=upright("low_ms", "latency, ms"), y2="high_ms:Q"),
        line.encode(y=upright("median_ms", "latency, ms")),
    ]


def _condensed(field: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", title=field.replace("_ms", ", ms"), format=".4~g")


def _window_band(series: RunSeries, time: alt.X) -> list[alt.Chart]:
    counted = np.flatnonzero(series.is_counted)
    if not len(counted):
        return []
    first, last = counted[0], counted[-1]
    end_s = series.start_s[last] + series.latency_ms[last] / 1000
    frame = pd.DataFrame({"at_s": [series.start_s[first]], "to_s": [end_s]})
    return [alt.Chart(frame).mark_rect(clip=True, color=style.ACCENT, opacity=0.08).encode(x=time, x2="to_s:Q")]


def _zoom() -> alt.Parameter:
    return alt.selection_interval(
        name="zoom",
        bind="scales",
        encodings=["x"],
        zoom="wheel![event.shiftKey]",
        translate="[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
    )
