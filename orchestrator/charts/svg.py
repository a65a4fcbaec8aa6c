"""A chart as SVG text. The only place that knows the renderer, which runs in this process and loads nothing."""

import itertools
import re

import altair as alt
import vl_convert

from orchestrator.charts import style

WIDTH_PX = 720
_documents = itertools.count(1)
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def as_svg(chart: alt.LayerChart | alt.FacetChart) -> str:
    """The chart, `WIDTH_PX` wide, as one `<svg>` element whose ids are its own within this process."""
    spec = chart.properties(width=WIDTH_PX).to_dict()
    svg = vl_convert.vegalite_to_svg({**spec, "config": style.ON_WHITE}, allowed_base_urls=[])
    return _ID.sub(rf"\1c{next(_documents)}-", svg)
