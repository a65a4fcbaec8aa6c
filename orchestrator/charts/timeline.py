"""A run on one time axis: the latency of each inference above what the board's sensors said meanwhile.

Seconds since the claim. Only what was measured has a panel; `unmeasured` names the rest, so that nothing absent is
drawn as zero.
"""

from collections.abc import Callable
from dataclasses import dataclass

import altair as alt
import numpy as np

from orchestrator.charts import panels
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.inferences import latency_panel
from orchestrator.queries.rows import RunSeries

SERIES = {
    "temperature_c": "temperature",
    "clock_hz": "true clock",
    "requested_hz": "requested clock",
    "throttled": "throttle bits",
    "foreign_cpu": "CPU used by others",
    "fan_rpm": "fan speed",
    "power_w": "power",
}

Panel = Callable[[RunSeries, alt.X], LayeredChart]
_PANELS: tuple[tuple[tuple[str, ...], Panel], ...] = (
    (("temperature_c",), panels.temperature_panel),
    (("clock_hz", "requested_hz"), panels.clock_panel),
    (("throttled",), panels.throttle_panel),
    (("foreign_cpu",), panels.foreign_cpu_panel),
    (("fan_rpm",), panels.fan_panel),
    (("power_w",), panels.power_panel),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The part of a run that is shown, in seconds since the claim."""

    from_s: float
    to_s: float


def unmeasured(series: RunSeries) -> tuple[str, ...]:
    """Names of the series that this run has no reading of."""
    return tuple(name for column, name in SERIES.items() if not panels.is_measured(series, column))


def has_readings(series: RunSeries) -> bool:
    """Whether there is anything to draw."""
    return len(series.start_s) > 0 or any(panels.is_measured(series, column) for column in SERIES)


def measuring_stretch(series: RunSeries) -> Stretch:
    """From the first inference of the warm-up to the end of the last one. There is at least one inference."""
    return Stretch(from_s=float(series.start_s[0]), to_s=float(series.start_s[-1] + series.latency_ms[-1] / 1000))


def whole_stretch(series: RunSeries) -> Stretch:
    """From the claim to the last thing recorded: the wait at the gate and what came after the window included."""
    sampled_s = series.telemetry.get("at_s", np.empty(0))
    last_s = [measuring_stretch(series).to_s] if len(series.start_s) else []
    return Stretch(from_s=0.0, to_s=max([*last_s, *sampled_s[-1:], 1.0]))


def run_timeline(series: RunSeries, stretch: Stretch, time_title: str = "seconds since the claim") -> alt.VConcatChart:
    """The panels one above the other on a shared time axis; shift + wheel zooms it, shift + drag moves it.

    The series has readings.
    """
    wanted: list[Panel] = [latency_panel] if len(series.start_s) else []
    wanted += [panel for columns, panel in _PANELS if any(panels.is_measured(series, name) for name in columns)]
    return alt.vconcat(  # at once: each change of a stack copies all of it
        *(panel(series, _time_axis(stretch, time_title if panel is wanted[-1] else None)) for panel in wanted),
        spacing=10,
        resolve=alt.Resolve(scale=alt.ScaleResolveMap(x="shared", color="independent", strokeDash="independent")),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def _time_axis(stretch: Stretch, title: str | None) -> alt.X:
    axis = alt.Axis(title=title, labels=title is not None, ticks=title is not None, tickCount=8)
    return alt.X("at_s:Q", scale=alt.Scale(domain=[stretch.from_s, stretch.to_s], nice=False), axis=axis)
