"""What share of inferences is at most so slow: the cold start beside the settled state."""

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
_STEPS = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latencies:
    """Inferences under one name, e.g. 'fan, first 60 s'; `latency_ms` float64, (inferences,), at least one."""

    name: str
    latency_ms: Floats
    simulated: bool = False


def ecdf_chart(parts: Sequence[Latencies]) -> LayeredChart:
    """One rising staircase for each part; the median is where it crosses one half."""
    frame = pd.concat([_steps(part) for part in parts])
    names = [part.name for part in parts]
    steps = alt.Chart(frame).mark_line(interpolate="step-after", strokeWidth=2)
    half = alt.Chart(pd.DataFrame({"share": [0.5]})).mark_rule(color="#7a818c", strokeDash=[1, 3])
    drawn = alt.layer(
        half.encode(y="share:Q"),
        steps.encode(
            x=alt.X("latency_ms:Q", title="latency, ms", scale=alt.Scale(zero=False, nice=True)),
            y=alt.Y("share:Q", title="share of inferences", scale=alt.Scale(domain=[0, 1])),
            color=legend.coloured(names, of_lines=True),
            strokeDash=legend.dashed(names, of_lines=True),
        ),
    )
    return legend.marked(drawn.properties(height=240), (part.simulated for part in parts))


def _steps(part: Latencies) -> pd.DataFrame:
    """Every step of a few inferences; of many the quantiles, whose stairs look the same."""
    ordered = np.sort(part.latency_ms)
    kept = every_so_many(len(ordered), _STEPS)
    return pd.DataFrame({"name": part.name, "latency_ms": ordered[kept], "share": (kept + 1) / len(ordered)})
