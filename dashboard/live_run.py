"""The part of page Run that lives while the run does: how it stands, and its curve so far."""

import streamlit as st

from agent.wire.spec import Regime
from dashboard import data, run_sections
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import ENDED_RUN_STATES
from orchestrator.charts.timeline import Stretch, whole_stretch
from orchestrator.queries.progress import RunProgress
from orchestrator.queries.rows import RunSeries, RunView
from orchestrator.text import numbers_text, progress_text, run_text

REFRESH_S = 30.0


@st.fragment(run_every=REFRESH_S)
def show_progress(url: str, run_id: str) -> None:
    """How a run under way stands, again every half minute; the whole page again once it has ended."""
    run = data.read_run(url, run_id)
    if run.state in ENDED_RUN_STATES:
        st.rerun()
    found = data.read_progress(url, run.run)
    if found is None:
        st.info("It is being brought to its board.", icon=":material/upload:")
        return
    _show_standing(found)
    series = data.read_series(url, run.run, None, found.lines)
    if run.regime != Regime.BURST.value:
        st.caption(f"A board that is busy for long is asked once a minute; this looks again every {REFRESH_S:.0f} s.")
    if room := run_text.room(run):
        st.caption(as_plain(f"{room[0].upper()}{room[1:]}."))
    run_sections.show_series(run, series, _planned(run, found, series))


def _show_standing(found: RunProgress) -> None:
    figures = {
        "Phase": progress_text.phase(found).partition(",")[0].capitalize(),
        "For": numbers_text.duration(found.for_s),
        "Left": "any moment" if found.ends_in_s == 0 else numbers_text.duration(found.ends_in_s),
        "Newest values": numbers_text.age(found.last_age_s) if found.last_age_s is not None else "none yet",
        "Temperature": numbers_text.celsius(found.temperature_c),
        "True clock": numbers_text.megahertz(found.clock_hz),
        "Latency": numbers_text.ms(found.latency_ms),
        "Inferences": numbers_text.count(found.inferences),
    }
    with st.grid(min_column_width=120):
        for name, value in figures.items():
            st.metric(name, value)


def _planned(run: RunView, found: RunProgress, series: RunSeries) -> Stretch | None:
    """From the load to the planned end, so that the axis stays while the curve grows; None before that is known."""
    phases = run.attempts[-1].phases if run.attempts else {}
    from_s = phases.get("idle", phases.get("window"))
    if found.planned_s is None or from_s is None:
        return None
    return Stretch(from_s=from_s, to_s=max(found.planned_s, whole_stretch(series).to_s))
