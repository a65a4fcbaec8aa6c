"""How the counted latencies of a run are spread."""

import itertools

import altair as alt
import numpy as np
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.thinning import Floats
from orchestrator.text import numbers_text

MOST_BINS = 60


def latency_histogram(latency_ms: Floats, median_ms: float | None, p90_ms: float | None) -> LayeredChart:
    """Bars of the counted latencies, with the median as a line and the p90 as a dashed one where there is one."""
    bars = (
        alt.Chart(_bins(latency_ms))
        .mark_bar(color=style.ACCENT, opacity=0.75, binSpacing=1)
        .encode(
            x=alt.X(
                "from_ms:Q", bin="binned", scale=alt.Scale(zero=False), axis=alt.Axis(title="latency, ms", tickCount=8)
            ),
            x2="to_ms:Q",
            y=alt.Y("inferences:Q", axis=alt.Axis(title="inferences", tickMinStep=1)),
            tooltip=[alt.Tooltip("range:N", title="latency"), alt.Tooltip("inferences:Q")],
        )
    )
    marked = ((median_ms, "median", [1, 0]), (p90_ms, "p90", [4, 3]))
    marks = [_mark(value_ms, name, dash) for value_ms, name, dash in marked if value_ms is not None]
    return alt.layer(bars, *marks, height=200)


def _bins(latency_ms: Floats) -> pd.DataFrame:
    edges = np.histogram_bin_edges(latency_ms, bins="auto")
    if len(edges) - 1 > MOST_BINS:
        edges = np.histogram_bin_edges(latency_ms, bins=MOST_BINS)
    counts, edges = np.histogram(latency_ms, bins=edges)
    ranges = [numbers_text.ms_interval(low, high) for low, high in itertools.pairwise(edges)]
    return pd.DataFrame({"from_ms": edges[:-1], "to_ms": edges[1:], "inferences": counts, "range": ranges})


def _mark(value_ms: float, name: str, dash: list[int]) -> alt.Chart:
    frame = pd.DataFrame({"at_ms": [value_ms], "text": [f"{name} {numbers_text.ms(value_ms)}"]})
    rule = alt.Chart(frame).mark_rule(color=style.WARNING, strokeWidth=2, strokeDash=dash)
    marked: alt.Chart = rule.encode(x="at_ms:Q", tooltip=alt.Tooltip("text:N", title=name))
    return marked
