"""How far a board warms above its room under load, with the fitted curve over what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend
from orchestrator.charts.thinning import thin

Floats = npt.NDArray[np.float64]
_POINTS = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rise:
    """Kelvin above the room, or the start of the load, at seconds since then; float64 of one length.

    `fit_c` where there is a fit, NaN where it was not made.
    """

    name: str
    at_s: Floats
    rise_c: Floats
    fit_c: Floats | None = None
    simulated: bool = False


def rise_chart(curves: Sequence[Rise], above: str = "the room") -> LayeredChart:
    """Dots are readings, lines are fits; `above` names what the kelvins are counted from."""
    names = [curve.name for curve in curves]
    at_s = alt.X("at_s:Q", title="seconds since the load began")
    colour = legend.coloured(names)
    kelvin = alt.Y("kelvin:Q", title=f"above {above}, K", scale=alt.Scale(zero=True), axis=alt.Axis(format="~g"))
    readings = alt.Chart(pd.concat([_frame(curve, curve.rise_c) for curve in curves]))
    layers = [
        readings.mark_point(size=9, opacity=0.45, strokeWidth=1).encode(
            x=at_s, y=kelvin, color=colour, shape=legend.shaped(names)
        )
    ]
    fitted = [_frame(curve, curve.fit_c) for curve in curves if curve.fit_c is not None]
    if fitted:
        lines = alt.Chart(pd.concat(fitted)).mark_line(strokeWidth=2)
        layers.append(lines.encode(x=at_s, y=kelvin, color=colour, strokeDash=legend.dashed(names)))
    return legend.marked(alt.layer(*layers).properties(height=260), (curve.simulated for curve in curves))


def _frame(curve: Rise, values: Floats) -> pd.DataFrame:
    kept = thin(values, _POINTS)
    return pd.DataFrame({"name": curve.name, "at_s": curve.at_s[kept], "kelvin": values[kept]})
