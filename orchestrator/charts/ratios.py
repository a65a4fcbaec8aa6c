"""How variants compare with one of them: the paired ratio of latencies with its interval, beside the margin."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from orchestrator.analysis.comparison import Answer
from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.ranking import ROW_PX, names_above
from orchestrator.text import numbers_text

_COLUMNS = alt.ExprRef("clamp(floor(width / 130), 1, 4)")  # of the legend: as many as there is room for
_SHAPES = {
    Answer.FASTER.value: "triangle-left",
    Answer.SLOWER.value: "triangle-right",
    Answer.EQUIVALENT.value: "diamond",
    Answer.CANNOT_TELL.value: "circle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A variant's latency over that of the reference, and what that says."""

    name: str
    ratio: float
    interval: tuple[float, float] | None
    answer: Answer


def ratio_chart(ratios: Sequence[Ratio], margin: float, *, simulated: bool) -> LayeredChart:
    """A mark and a bar for each; left of 1 is faster than the reference. Differences in the band do not count."""
    frame = pd.DataFrame([_facts(ratio) for ratio in ratios])
    colour = style.WARNING if simulated else style.ACCENT
    names = names_above([ratio.name for ratio in ratios])
    scale = alt.Scale(zero=False, padding=14)
    axis = alt.Axis(title="latency over that of the first; below 1 is faster", tickCount=6)
    tooltip = [alt.Tooltip(f"{name}:N", title=name) for name in ("variant", "text", "answer")]
    band = alt.Chart(pd.DataFrame({"low": [1 - margin], "high": [1 + margin]}))
    one = alt.Chart(pd.DataFrame({"ratio": [1.0]}))
    shown = alt.Chart(frame)
    shape = alt.Shape(
        "answer:N",
        scale=alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values())),
        legend=alt.Legend(
            title=None, orient="bottom", direction="horizontal", columns=_COLUMNS, symbolFillColor=colour
        ),
    )
    across = alt.X("ratio:Q", scale=scale, axis=axis)
    layers = [
        band.mark_rect(color=style.MUTED, opacity=0.18).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"),
        one.mark_rule(color=style.MUTED, strokeDash=[4, 3]).encode(x=across),
        shown.mark_rule(strokeWidth=7, strokeCap="round", opacity=0.4, color=colour).encode(
            x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=names, tooltip=tooltip
        ),
        shown.mark_point(filled=True, size=120, opacity=1, color=colour).encode(
            x=across, y=names, shape=shape, tooltip=tooltip
        ),
    ]
    return alt.layer(*layers).properties(
        height=ROW_PX * len(ratios), autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )


def _facts(ratio: Ratio) -> dict[str, object]:
    low, high = ratio.interval or (ratio.ratio, ratio.ratio)
    return {
        "variant": ratio.name,
        "ratio": ratio.ratio,
        "low": low,
        "high": high,
        "answer": ratio.answer.value,
        "text": numbers_text.ratio_with_interval(ratio.ratio, ratio.interval),
    }
