"""The panels of a run's timeline below its latencies: each one series of the board, on a time axis that is given."""

import altair as alt
import numpy as np
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart, beside_title, inner_axis, upright
from orchestrator.charts.thinning import thin
from orchestrator.charts.throttling import LIVE_BITS, live_spans
from orchestrator.queries.rows import RunSeries

LIMITS_C = (80.0, 85.0)
LINE_POINTS = 1000  # lowest and highest of 500 stretches: about one for two pixels of a wide page


def is_measured(series: RunSeries, column: str) -> bool:
    """Whether a telemetry column holds at least one reading."""
    values = series.telemetry.get(column)
    return values is not None and bool((~np.isnan(values)).any())


def temperature_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """The die's temperature under the limits of firmware; a growing curve moves its axis in steps."""
    values = series.telemetry["temperature_c"]
    low_c, high_c = 5 * np.floor((np.nanmin(values) - 2) / 5), 4 * np.ceil((np.nanmax(values) + 2) / 4)
    domain = alt.Scale(domain=[float(low_c), max(88.0, float(high_c))], nice=False)
    line = _line(series, "temperature_c", 1.0).encode(x=time, y=upright("value", "temperature, °C", scale=domain))
    limits = alt.Chart(pd.DataFrame({"limit_c": LIMITS_C})).mark_rule(color=style.WARNING, strokeDash=[4, 3])
    rules = limits.encode(y=alt.Y("limit_c:Q", scale=domain), tooltip=alt.Tooltip("limit_c:Q", title="limit, °C"))
    return alt.layer(rules, line, height=140)


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
            y=upright("value", "clock, MHz", scale=around),
            color=alt.Color("clock:N", scale=shades, legend=beside_title()),
            strokeDash=alt.StrokeDash("clock:N", scale=dashes, legend=beside_title()),
        )
    )
    return alt.layer(lines, height=90)


def throttle_panel(series: RunSeries, time: alt.X) -> LayeredChart:
    """A ribbon for each live throttle bit, filled while it was set."""
    spans = live_spans(series.telemetry["at_s"], series.telemetry["throttled"])
    frame = pd.DataFrame(
        [{"bit": span.bit, "at_s": span.from_s, "to_s": span.to_s} for span in spans], columns=["bit", "at_s", "to_s"]
    )
    title = "live throttle bits" if spans else "live throttle bits: none"
    bits = alt.Y("bit:N", scale=alt.Scale(domain=list(LIVE_BITS.values())), axis=inner_axis(title))
    ribbon = alt.Chart(frame).mark_bar(clip=True, color=style.WARNING, height=12).encode(x=time, x2="to_s:Q", y=bits)
    return alt.layer(ribbon, height=17 * len(LIVE_BITS))


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
    line = _line(series, column, factor).encode(x=time, y=upright("value", title, scale=at_least_zero))
    return alt.layer(line, height=64)


def _line(series: RunSeries, column: str, factor: float) -> alt.Chart:
    samples = alt.Chart(_samples(series, column, factor))
    line: alt.Chart = samples.mark_line(clip=True, color=style.ACCENT, strokeWidth=1.5)
    return line


def _samples(series: RunSeries, column: str, factor: float) -> pd.DataFrame:
    values = series.telemetry[column]
    kept = thin(values, LINE_POINTS)
    return pd.DataFrame({"at_s": series.telemetry["at_s"][kept], "value": values[kept] * factor})
