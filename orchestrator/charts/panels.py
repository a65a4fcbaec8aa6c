"""The panels of a run's timeline, each one series of the board or the inferences, on a time axis that is given."""

import altair as alt
import numpy as np
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.thinning import thin
from orchestrator.charts.throttling import LIVE_BITS, live_spans
from orchestrator.queries.rows import RunSeries

LayeredChart = alt.LayerChart | alt.FacetChart  # what alt.layer gives

LIMITS_C = (80.0, 85.0)
FEW_INFERENCES = 300


def is_measured(series: RunSeries, column: str) -> bool:
    """Whether a telemetry column holds at least one reading."""
    values = series.telemetry.get(column)
    return values is not None and bool((~np.isnan(values)).any())


def latency_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """A dot an inference: grey in the warm-up, in colour where it counts, over a band that is the window.

    The scale is that of the counted ones; a slower one of the warm-up is a triangle at the upper edge.
    """
    dots = alt.Chart(_inferences(series)).mark_point(
        clip=True, filled=True, opacity=0.75, size=36 if len(series.start_s) <= FEW_INFERENCES else 14
    )
    shades = alt.Scale(domain=["warm-up", "counted"], range=[style.MUTED, style.ACCENT])
    shapes = alt.Scale(domain=[False, True], range=["circle", "triangle-up"])
    shown = dots.encode(
        x=time,
        y=_upright("shown_ms", "latency, ms"),
        color=alt.Color("part:N", scale=shades, legend=_legend()),
        shape=alt.Shape("is_beyond:N", scale=shapes, legend=None),
        tooltip=_inference_tooltips(),
    )
    return alt.layer(*_window_band(series, time), shown.add_params(_zoom())).properties(height=210)


def temperature_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The die's temperature under the limits at which firmware slows the clock."""
    values = series.telemetry["temperature_c"]
    domain = alt.Scale(domain=[float(np.nanmin(values)) - 2, max(88.0, float(np.nanmax(values)) + 2)], nice=False)
    line = _line(series, "temperature_c", 1.0).encode(x=time, y=_upright("value", "temperature, °C", scale=domain))
    limits = alt.Chart(pd.DataFrame({"limit_c": LIMITS_C})).mark_rule(color=style.WARNING, strokeDash=[4, 3])
    rules = limits.encode(y=alt.Y("limit_c:Q", scale=domain), tooltip=alt.Tooltip("limit_c:Q", title="limit, °C"))
    return alt.layer(rules, line).properties(height=140)


def clock_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The true clock against the one that the kernel asked for; where they part, firmware throttles."""
    names = {"clock_hz": "true", "requested_hz": "requested"}
    frames = [
        _samples(series, column, 1e-6).assign(clock=name)
        for column, name in names.items()
        if is_measured(series, column)
    ]
    points = pd.concat(frames)
    around = alt.Scale(domain=[points["value"].min() * 0.97, points["value"].max() * 1.03], nice=False)
    shades = alt.Scale(domain=list(names.values()), range=[style.ACCENT, style.MUTED])
    dashes = alt.Scale(domain=list(names.values()), range=[[1, 0], [4, 3]])
    lines = (
        alt.Chart(points)
        .mark_line(clip=True, interpolate="step-after")
        .encode(
            x=time,
            y=_upright("value", "clock, MHz", scale=around),
            color=alt.Color("clock:N", scale=shades, legend=_legend()),
            strokeDash=alt.StrokeDash("clock:N", scale=dashes, legend=_legend()),
        )
    )
    return alt.layer(lines).properties(height=90)


def throttle_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """A ribbon for each live throttle bit, filled while it was set."""
    spans = live_spans(series.telemetry["at_s"], series.telemetry["throttled"])
    frame = pd.DataFrame(
        [{"bit": span.bit, "at_s": span.from_s, "to_s": span.to_s} for span in spans], columns=["bit", "at_s", "to_s"]
    )
    title = "live throttle bits" if spans else "live throttle bits: none"
    bits = alt.Y("bit:N", scale=alt.Scale(domain=list(LIVE_BITS.values())), axis=_inner_axis(title))
    ribbon = alt.Chart(frame).mark_bar(clip=True, color=style.WARNING, height=12).encode(x=time, x2="to_s:Q", y=bits)
    return alt.layer(ribbon).properties(height=17 * len(LIVE_BITS))


def foreign_cpu_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The share of all cores that other processes used."""
    return _simple_panel(series, time, "foreign_cpu", 100.0, "CPU used by others, %")


def fan_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The fan's speed."""
    return _simple_panel(series, time, "fan_rpm", 1.0, "fan, rpm")


def power_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The power that the board drew."""
    return _simple_panel(series, time, "power_w", 1.0, "power, W")


def _simple_panel(series: RunSeries, time: alt.X, column: str, factor: float, title: str) -> LayeredChart:
    at_least_zero = alt.Scale(zero=True)
    line = _line(series, column, factor).encode(x=time, y=_upright("value", title, scale=at_least_zero))
    return alt.layer(line).properties(height=64)


def _line(series: RunSeries, column: str, factor: float) -> alt.Chart:
    samples = alt.Chart(_samples(series, column, factor))
    line: alt.Chart = samples.mark_line(clip=True, color=style.ACCENT, strokeWidth=1.5)
    return line


def _samples(series: RunSeries, column: str, factor: float) -> pd.DataFrame:
    values = series.telemetry[column]
    kept = thin(values)
    return pd.DataFrame({"at_s": series.telemetry["at_s"][kept], "value": values[kept] * factor})


def _inferences(series: RunSeries) -> pd.DataFrame:
    top_ms = float(series.latency_ms[series.is_counted].max(initial=0.0)) or float(series.latency_ms.max())
    parts = []
    for name, chosen in (("warm-up", ~series.is_counted), ("counted", series.is_counted)):
        indices = np.flatnonzero(chosen)
        kept = indices[thin(series.latency_ms[indices])]
        columns = {"at_s": series.start_s[kept], "latency_ms": series.latency_ms[kept], "number": kept + 1}
        parts.append(pd.DataFrame(columns).assign(part=name))
    points = pd.concat(parts)
    return points.assign(shown_ms=points["latency_ms"].clip(upper=top_ms), is_beyond=points["latency_ms"] > top_ms)


def _window_band(series: RunSeries, time: alt.X) -> list[alt.Chart]:
    counted = np.flatnonzero(series.is_counted)
    if not len(counted):
        return []
    first, last = counted[0], counted[-1]
    frame = pd.DataFrame(
        {"at_s": [series.start_s[first]], "to_s": [series.start_s[last] + series.latency_ms[last] / 1000]}
    )
    return [alt.Chart(frame).mark_rect(clip=True, color=style.ACCENT, opacity=0.08).encode(x=time, x2="to_s:Q")]


def _upright(field: str, title: str, scale: alt.Scale | None = None) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=scale or alt.Scale(zero=False, padding=4), axis=_axis(title))


def _axis(title: str) -> alt.Axis:
    """An axis with its title above the panel, where a narrow screen has room for it."""
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


def _inner_axis(title: str) -> alt.Axis:
    """The same with its labels inside the panel, for names that are too long for a margin."""
    axis = _axis(title)
    axis.labelAlign, axis.labelPadding, axis.grid = "left", -6, False
    axis.labelOverlap = axis.labelFlush = axis.labelBound = False
    return axis


def _legend() -> alt.Legend:
    """A legend on the line of the panel's title."""
    return alt.Legend(title=None, orient="none", direction="horizontal", legendX=96, legendY=-25, symbolOpacity=1)


def _inference_tooltips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("number:Q", title="inference"),
        alt.Tooltip("latency_ms:Q", title="latency, ms", format=".4~g"),
        alt.Tooltip("at_s:Q", title="at, s", format=".2f"),
        alt.Tooltip("part:N", title="part"),
    ]


def _zoom() -> alt.Parameter:
    return alt.selection_interval(
        name="zoom",
        bind="scales",
        encodings=["x"],
        zoom="wheel![event.shiftKey]",
        translate="[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
    )
