"""How the latencies of several runs are spread, one curve a name."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dashboard import lab_data
from dashboard.figure_section import fitted
from orchestrator.charts.figures import legend
from orchestrator.charts.figures.ecdf import Latencies, ecdf_chart
from orchestrator.queries.briefs import RunBrief

MOST_RUNS = 5  # of a name: each is opened


def show(url: str, runs: Mapping[str, Sequence[RunBrief]], key: str) -> None:
    """The curves of the first names, each from its newest runs; nothing without latencies."""
    drawn = dict(list(runs.items())[: legend.MOST])
    found = [
        (name, own, [lab_data.read_latencies(url, run.run) for run in own[:MOST_RUNS]]) for name, own in drawn.items()
    ]
    curves = [
        Latencies(name=name, latency_ms=np.concatenate(latencies), simulated=any(run.simulated for run in own))
        for name, own, latencies in found
        if sum(map(len, latencies))
    ]
    if not curves:
        return
    st.altair_chart(fitted(ecdf_chart(curves)), key=key, alt="Share of inferences at most so slow")
    left_out = len(runs) - len(drawn)
    words = f"Share of counted inferences at most so slow, of the newest {MOST_RUNS} runs each, or of all."
    st.caption(words + (f" {left_out} more are not drawn." if left_out else ""))
