"""What the page Run shows of a sweep: how far it came, and latency against temperature and clock, up and down."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import data
from orchestrator.analysis.thermal.sweep import ROW_C, Slots
from orchestrator.charts.figures.response import Against, Branch, response_chart
from orchestrator.queries.rows import RunView
from orchestrator.text import sweep_text


def show(url: str, run: RunView, counted: int | None) -> None:
    """The section; nothing for a run that was no sweep, or brought too little of one."""
    found = data.read_sweep(url, run.run, counted) if run.regime == "sweep" else None
    if found is None:
        return
    sweep, slots = found
    st.subheader("The sweep", anchor=False)
    figures = pd.DataFrame(sweep_text.figures(sweep), columns=["Figure", "Value"])
    st.dataframe(figures, hide_index=True, height="content")
    for against in Against:
        branches = _branches(slots, against, simulated=run.simulated)
        if any(bool(np.isfinite(branch.at).any()) for branch in branches):
            st.altair_chart(
                response_chart(branches, against),
                key=f"{against.name}-{run.run}",
                alt=f"Latency against {against.value}",
            )
    st.caption("A dot is the median of a slot, whose first inference is left out.")
    rows = [sweep_text.row(row, ROW_C) for row in sweep.rows]
    st.dataframe(pd.DataFrame(rows, columns=list(sweep_text.COLUMNS)), hide_index=True)
    if sweep.levels:
        held = [sweep_text.level(level) for level in sweep.levels]
        st.dataframe(pd.DataFrame(held, columns=list(sweep_text.LEVEL_COLUMNS)), hide_index=True)


def _branches(slots: Slots, against: Against, *, simulated: bool) -> list[Branch]:
    at = slots.die_c if against is Against.TEMPERATURE else slots.clock_hz / 1e6
    return [
        Branch(name=name, at=at[way], latency_ms=slots.latency_s[way] * 1e3, simulated=simulated)
        for name, way in (("heating", slots.is_up), ("cooling", slots.is_down))
    ]
