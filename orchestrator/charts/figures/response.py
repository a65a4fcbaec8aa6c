"""Latency against the die temperature or the true clock meanwhile, on the way up and on the way down."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend
from orchestrator.charts.thinning import every_so_many

Floats = npt.NDArray[np.float64]
_POINTS = 600
_DECIMALS = 2  # what a mean over an inference differs by in the last place would else be an axis


class Against(enum.Enum):
    """What latency is drawn against, by the title of its axis."""

    TEMPERATURE = "die temperature, averaged over each inference, °C"
    CLOCK = "true clock, MHz"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """Inferences of one way, e.g. 'heating'; `at` and `latency_ms` float64, (inferences,). Not a number: left out."""

    name: str
    at: Floats
    latency_ms: Floats
    simulated: bool = False


def response_chart(branches: Sequence[Branch], against: Against) -> LayeredChart:
    """A dot an inference, of many every so many; where heating and cooling part, the board has hysteresis."""
    names = [branch.name for branch in branches]
    dots = (
        alt.Chart(pd.concat([_points(branch) for branch in branches]))
        .mark_point(size=18, opacity=0.6, strokeWidth=1.2)
        .encode(
            x=alt.X("at:Q", title=against.value, scale=alt.Scale(zero=False)),
            y=alt.Y("latency_ms:Q", title="latency, ms", scale=alt.Scale(zero=False)),
            color=legend.coloured(names),
            shape=legend.shaped(names),
        )
    )
    return legend.marked(alt.layer(dots).properties(height=260), (branch.simulated for branch in branches))


def _points(branch: Branch) -> pd.DataFrame:
    known = np.flatnonzero(~np.isnan(branch.at) & ~np.isnan(branch.latency_ms))
    kept = known[every_so_many(len(known), _POINTS)]
    at = branch.at[kept].round(_DECIMALS)
    return pd.DataFrame({"name": branch.name, "at": at, "latency_ms": branch.latency_ms[kept]})
