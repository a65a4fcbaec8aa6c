"""Page Health: whether every device still is what it was, by the control chart of its canaries."""

import streamlit as st

from dashboard import data, empty_states, marks
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.charts.control import control_chart
from orchestrator.queries.canary import CanaryChart
from orchestrator.text import numbers_text, row_text

CHARTS_A_PAGE = 12
NO_LIMITS = "no limits yet: other load disturbed every canary"


def show() -> None:
    """The whole page: devices out of service first."""
    st.title("Health")
    charts = sorted(data.read_canaries(data.database_url()), key=_urgency)
    if not charts:
        empty_states.no_devices()
        return
    st.caption(
        "A canary is a small fixed workload, measured between studies. Beyond its limits twice in a row, a device is "
        "taken out of service until someone resumes it: `pifarm device resume DEVICE`, or, where the change is meant, "
        "`pifarm canary reset DEVICE` as well."
    )
    pages = -(-len(charts) // CHARTS_A_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    for chart in charts[(page - 1) * CHARTS_A_PAGE : page * CHARTS_A_PAGE]:
        _show_device(chart)


def _urgency(chart: CanaryChart) -> tuple[bool, str]:
    return chart.state is not DeviceState.SICK, chart.device


def _show_device(chart: CanaryChart) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{as_plain(chart.device)}**", width="content")
            marks.show_device_state(chart.state)
            marks.show_badges([row_text.SIMULATED] if chart.simulated else [])
        if chart.state_reason:
            st.markdown(as_plain(chart.state_reason))
        st.caption(as_plain(_summary(chart)))
        if chart.points:
            st.altair_chart(control_chart(chart), width="stretch")


def _summary(chart: CanaryChart) -> str:
    if not chart.points:
        return "no canary yet; one is measured before its next study, or now by: pifarm canary run"
    limits = numbers_text.ms_interval(chart.low_ms, chart.high_ms)
    parts = [
        f"last {numbers_text.ms(chart.points[-1].median_ms)} {numbers_text.age(chart.points[-1].age_s)}",
        f"limits {limits}, from {chart.baseline} canaries" if chart.baseline else NO_LIMITS,
        f"onnxruntime {chart.runtime_version}",
        *(["a canary comes before its next run"] if chart.needs_canary else []),
    ]
    return " · ".join(parts)


show()
