"""A chart as SVG, PNG or PDF. The only place that knows the renderer, which runs in this process and loads nothing."""

import itertools
import re
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from orchestrator.charts import style
from orchestrator.errors import SpecError

WIDTH_PX = 720
KINDS = ("svg", "png", "pdf")
PRINT_PPI = 288  # four dots a pixel: 300 dpi and more at the width of a column
_documents = itertools.count(1)
_ID = re.compile(r'(\bid="|url\(#|href="#)')
Chart = alt.LayerChart | alt.FacetChart | alt.VConcatChart


def as_svg(chart: Chart) -> str:
    """The chart, `WIDTH_PX` wide, as one `<svg>` element whose ids are its own within this process."""
    svg = vl_convert.vegalite_to_svg(_spec(chart), allowed_base_urls=[])
    return _ID.sub(rf"\1c{next(_documents)}-", svg)


def as_pdf(chart: Chart) -> bytes:
    """The chart on white as a PDF of one page, with the glyphs that it needs."""
    pdf: bytes = vl_convert.vegalite_to_pdf(_on_white(chart), allowed_base_urls=[])
    return pdf


def save_figure(chart: Chart, path: Path) -> None:
    """Write a figure on white, in the format that the file's name ends on: .svg, .png or .pdf. Raises `SpecError`."""
    kind = path.suffix.removeprefix(".")
    if kind not in KINDS:
        raise SpecError(f"figure: expected a name that ends on .svg, .png or .pdf, got {path.suffix or path.name!r}")
    path.write_bytes(drawn(chart, kind))


def drawn(chart: Chart, kind: str) -> bytes:
    """A figure on white as the content of a file of one of `KINDS`."""
    match kind:
        case "svg":
            svg: str = vl_convert.vegalite_to_svg(_on_white(chart), allowed_base_urls=[])
            return svg.encode()
        case "png":
            png: bytes = vl_convert.vegalite_to_png(_on_white(chart), ppi=PRINT_PPI, allowed_base_urls=[])
            return png
        case _:
            return as_pdf(chart)


def _on_white(chart: Chart) -> dict[str, Any]:
    spec = _spec(chart)
    return {**spec, "config": {**spec["config"], "background": "white"}}


def _spec(chart: Chart) -> dict[str, Any]:
    return {**_sized(chart).to_dict(), "config": style.ON_WHITE}


def _sized(chart: Chart) -> Chart:
    """The chart as wide as a page; a stack is as wide as each of its panels, which do not fit themselves."""
    if not isinstance(chart, alt.VConcatChart):
        return chart.properties(width=WIDTH_PX)
    stack = chart.copy()
    stack.autosize = alt.Undefined
    for panel in stack.vconcat:
        panel.width = WIDTH_PX
    return stack
