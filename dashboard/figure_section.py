"""A figure with its caption, and the buttons that give it as a file for a paper."""

import functools

import altair as alt
import streamlit as st

from dashboard.plain_text import as_plain
from orchestrator.charts.render import Chart, drawn
from orchestrator.figures import FORMATS, Figure

_KINDS = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


def fitted(chart: Chart) -> Chart:
    """A chart as wide as its place and as high as it is drawn: axes, legends and titles come on top of that."""
    return chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))


def show(figure: Figure, key: str) -> None:
    """The figure; a file is drawn when its button is clicked."""
    st.subheader(as_plain(figure.title), anchor=False)
    st.altair_chart(fitted(figure.chart), key=key, width="stretch", alt=figure.title)
    st.caption(as_plain(figure.caption))
    with st.container(horizontal=True):
        for kind in FORMATS:
            st.download_button(
                kind.upper(),
                functools.partial(drawn, figure.chart, kind),
                f"{figure.name}.{kind}",
                _KINDS[kind],
                key=f"{key}-{kind}",
                on_click="ignore",
                icon=":material/download:",
                help="On white, 300 dpi and more.",
            )
