"""Page Farm: what every device is and does, what waits, and what happened. Only the cards are live."""

from collections.abc import Sequence

import streamlit as st

from dashboard import access, data, empty_states
from dashboard.audit_table import show_audit
from dashboard.device_card import CHOSEN, show_card
from dashboard.device_section import show_device
from dashboard.event_table import show_events
from dashboard.new_device import show_new_device
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import DeviceState, StudyState
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.text import numbers_text, row_text

REFRESH_S = 2
CARDS_A_PAGE = 24


def show() -> None:
    """The whole page."""
    st.title("Farm")
    url = data.database_url()
    devices = data.read_devices(url)
    if not devices:
        empty_states.no_devices()
        _show_adding(is_first=True)
        return
    _show_chosen(devices)
    pages = -(-len(devices) // CARDS_A_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    _live_panel(url, page)
    _show_adding(is_first=False)
    show_events(data.read_events(url))
    if access.may_act():
        with st.expander("Who changed what", icon=":material/history_edu:"):
            show_audit(data.read_audit(url))


def _show_chosen(devices: Sequence[DeviceView]) -> None:
    by_name = {device.name: device for device in devices}
    name = st.selectbox(
        "Device",
        list(by_name),
        index=None,
        key=CHOSEN,
        bind="query-params",
        placeholder="choose one to look after it",
        width=300,
    )
    if name is not None:
        show_device(by_name[name])


@st.fragment(run_every=REFRESH_S)
def _live_panel(url: str, page: int) -> None:
    devices = sorted(data.read_devices(url), key=_urgency)
    st.caption(as_plain(_summary(devices)))
    shown = devices[(page - 1) * CARDS_A_PAGE : page * CARDS_A_PAGE]
    vitals = data.read_vitals(url, tuple(device.name for device in shown))
    with st.grid(min_column_width=300):
        for device in shown:
            show_card(device, vitals.get(device.name), data.read_canary(url, device.name))
    _show_progress([study for study in data.read_studies(url) if study.state is StudyState.ACTIVE])


def _urgency(device: DeviceView) -> tuple[int, str]:
    """Sick devices first, then those at work, then the rest by name."""
    if device.state is DeviceState.SICK:
        return 0, device.name
    return (1 if device.doing else 2), device.name


def _summary(devices: Sequence[DeviceView]) -> str:
    counts = {
        "at work": sum(bool(device.doing) for device in devices),
        "sick": sum(device.state is DeviceState.SICK for device in devices),
        "drained": sum(device.state is DeviceState.DRAINED for device in devices),
        "runs waiting": sum(device.queued for device in devices),
    }
    named = [f"{number} {name}" for name, number in counts.items() if number or name == "at work"]
    return f"{numbers_text.counted(len(devices), 'device')}: " + ", ".join(named)


def _show_progress(active: Sequence[StudyView]) -> None:
    st.subheader("Studies in progress", anchor=False)
    if not active:
        st.caption("None. `pifarm submit MODEL` queues one.")
    for study in active:
        ended = sum(study.counts.get(state, 0) for state in ("done", "failed", "cancelled"))
        failed = study.counts.get("failed", 0)
        devices = numbers_text.counted(len(study.devices), "device")
        parts = [
            f"Study {study.study}: {study.model}, {study.protocol} protocol on {devices}",
            f"{ended} of {numbers_text.counted(study.total, 'run')}" + (f", {failed} failed" if failed else ""),
            numbers_text.time_left(study.eta_s) or "time left not known yet",
        ]
        simulated = [row_text.SIMULATED] if study.simulated else []
        st.progress(ended / study.total if study.total else 0.0, text=as_plain(" · ".join(parts + simulated)))


def _show_adding(*, is_first: bool) -> None:
    with st.expander("Add a device", expanded=is_first, icon=":material/add:"):
        show_new_device()


show()
