"""How the curves of a figure are told apart: by colour and by dash or shape as well, for readers in black and white.

Colours are those of Okabe and Ito (Color Universal Design, 2008), dark enough for white paper.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import altair as alt

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart

Kind = TypeVar("Kind")
Drawn = TypeVar("Drawn", alt.LayerChart, alt.FacetChart, LayeredChart, alt.VConcatChart)

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#1f2430", "#56b4e9")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4], [4, 1])
_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right")
MOST = len(_COLOURS)
_COLUMNS = "clamp(floor(width / 230), 1, 3)"  # as many as there is room for
SIMULATED = "simulated boards, not measured on a Pi"


def coloured(names: Sequence[str], *, of_lines: bool = False) -> alt.Color:
    """One colour a name, in their order; raises `ValueError` for more names than can be told apart.

    `of_lines`: the legend shows lines, long enough to see their dashes; asked for of each channel of a legend.
    """
    scale = alt.Scale(domain=list(names), range=_first(names, _COLOURS))
    return alt.Color("name:N", scale=scale, legend=_legend(of_lines=of_lines))


def dashed(names: Sequence[str], *, of_lines: bool = False) -> alt.StrokeDash:
    """One dash a name, beside its colour."""
    scale = alt.Scale(domain=list(names), range=_first(names, _DASHES))
    return alt.StrokeDash("name:N", scale=scale, legend=_legend(of_lines=of_lines))


def shaped(names: Sequence[str]) -> alt.Shape:
    """One shape a name, beside its colour."""
    return alt.Shape("name:N", scale=alt.Scale(domain=list(names), range=_first(names, _SHAPES)), legend=_legend())


def marked(chart: Drawn, simulated: Iterable[bool]) -> Drawn:
    """The chart under a line that says so where any of it was simulated."""
    if not any(simulated):
        return chart
    words = alt.TitleParams(SIMULATED, anchor="start", fontSize=11, fontWeight="normal", color=style.WARNING)
    return chart.properties(title=words)


def _first(names: Sequence[str], kinds: Sequence[Kind]) -> list[Kind]:
    if len(names) > MOST:
        raise ValueError(f"figure: expected at most {MOST} curves, which readers can tell apart, got {len(names)}")
    return list(kinds[: len(names)])


def _legend(*, of_lines: bool = False) -> alt.Legend:
    made = alt.Legend(title=None, orient="bottom", direction="horizontal", labelLimit=300, symbolOpacity=1)
    made.columns = alt.ExprRef(_COLUMNS)
    if of_lines:
        made.symbolType, made.symbolSize, made.symbolStrokeWidth = "stroke", 900, 2
    return made
