"""What is given for what: accuracy or energy against latency, with the front that nothing beats in both."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures import legend


class Better(enum.Enum):
    """Which way a figure is good."""

    HIGHER = "higher is better"
    LOWER = "lower is better"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A variant by its latency and another figure; `regime` is burst or sustained."""

    name: str
    regime: str
    latency_ms: float
    value: float
    simulated: bool = False


def front(places: Sequence[Place], better: Better) -> tuple[Place, ...]:
    """Those that no other beats in both figures (or equals in one and beats in the other), by latency."""
    sign = 1.0 if better is Better.HIGHER else -1.0
    kept: list[Place] = []
    for place in sorted(places, key=lambda place: (place.latency_ms, -sign * place.value)):
        if not kept or sign * place.value > sign * kept[-1].value:
            kept.append(place)
    return tuple(kept)


def pareto_chart(places: Sequence[Place], title: str, better: Better) -> LayeredChart:
    """A mark for each variant and regime, its name beside it, and the front of each regime; `title` has the unit."""
    regimes = list(dict.fromkeys(place.regime for place in places))
    latency = alt.X("latency_ms:Q", title="latency, ms", scale=alt.Scale(zero=False, padding=20))
    value = alt.Y("value:Q", title=f"{title} ({better.value})", scale=alt.Scale(zero=False, padding=12))
    colour = legend.coloured(regimes)
    fronts = [each for regime in regimes for each in front([p for p in places if p.regime == regime], better)]
    edge = alt.Chart(_frame(fronts)).mark_line(interpolate="step-after", strokeWidth=1.2)
    marks = alt.Chart(_frame(places)).mark_point(filled=True, size=70, opacity=1)
    texts = alt.Chart(_frame(places)).mark_text(align="left", dx=8, dy=-6, fontSize=10, color=style.INK)
    drawn = alt.layer(
        edge.encode(x=latency, y=value, color=colour, strokeDash=legend.dashed(regimes)),
        marks.encode(x=latency, y=value, color=colour, shape=legend.shaped(regimes)),
        texts.encode(x=latency, y=value, text="label:N"),
    )
    return legend.marked(drawn.properties(height=300), (place.simulated for place in places))


def _frame(places: Sequence[Place]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"label": place.name, "name": place.regime, "latency_ms": place.latency_ms, "value": place.value}
            for place in places
        ]
    )
