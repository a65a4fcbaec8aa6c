"""How many runs have not throttled yet after so many seconds of load: a staircase with its confidence band."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend

Floats = npt.NDArray[np.float64]
_TITLE = "share of runs not throttled yet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survival:
    """The share of runs without throttling from each of `at_s` on, with its interval, float64 of one length.

    `censored_s` are the lengths of the runs that ended without having throttled.
    """

    name: str
    at_s: Floats
    share: Floats
    low: Floats
    high: Floats
    censored_s: Floats
    simulated: bool = False


def survival_chart(curves: Sequence[Survival]) -> LayeredChart:
    """Staircases with bands; a tick stands where a run ended without having throttled."""
    names = [curve.name for curve in curves]
    steps = pd.concat([_steps(curve) for curve in curves])
    ticks = pd.concat([_ticks(curve) for curve in curves])
    at_s = alt.X("at_s:Q", title="seconds of load", scale=alt.Scale(domainMin=0))
    share = alt.Y("share:Q", title=_TITLE, scale=alt.Scale(domain=[0, 1]))
    colour = legend.coloured(names, of_lines=True)
    # the line comes first: the legend draws what the first layer draws
    layers = [
        alt.Chart(steps)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(x=at_s, y=share, color=colour, strokeDash=legend.dashed(names, of_lines=True)),
        alt.Chart(steps)
        .mark_area(interpolate="step-after", opacity=0.15)
        .encode(x=at_s, y=alt.Y("low:Q", title=_TITLE), y2="high:Q", color=colour),
    ]
    if len(ticks):
        marks = alt.Chart(ticks).mark_tick(thickness=1.5, size=12, orient="vertical")
        layers.append(marks.encode(x=at_s, y=share, color=colour))
    return legend.marked(alt.layer(*layers).properties(height=240), (curve.simulated for curve in curves))


def _steps(curve: Survival) -> pd.DataFrame:
    begins = {"at_s": [0.0], "share": [1.0], "low": [1.0], "high": [1.0]}
    lasts_s = max([*curve.at_s, *curve.censored_s, 0.0])
    ends = {"at_s": [lasts_s], "share": [_last(curve.share)], "low": [_last(curve.low)], "high": [_last(curve.high)]}
    own = {"at_s": curve.at_s, "share": curve.share, "low": curve.low, "high": curve.high}
    return pd.concat([pd.DataFrame(part) for part in (begins, own, ends)]).assign(name=curve.name)


def _ticks(curve: Survival) -> pd.DataFrame:
    places = np.searchsorted(curve.at_s, curve.censored_s, side="right")
    shares = np.concatenate(([1.0], curve.share))[places]
    return pd.DataFrame({"at_s": curve.censored_s, "share": shares}).assign(name=curve.name)


def _last(values: Floats) -> float:
    return float(values[-1]) if len(values) else 1.0
