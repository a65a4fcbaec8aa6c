"""Page Farm: what every device is and does, what waits, and what happened. Only the upper part is live."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import data, empty_states, marks
from dashboard.local_time import in_zone
from dashboard.plain_text import as_plain
from orchestrator import numbers_text, row_text
from orchestrator.lifecycle import DeviceState, StudyState
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.waiting_text import at_the_gate

REFRESH_S = 2
CARDS_A_PAGE = 24


def show() -> None:
    """The whole page."""
    st.title("Farm")
    url = data.database_url()
    devices = data.read_devices(url)
    if not devices:
        empty_states.no_devices()
        return
    pages = -(-len(devices) // CARDS_A_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    _live_panel(url, page)
    _show_events(url)
    _show_facts(devices)


@st.fragment(run_every=REFRESH_S)
def _live_panel(url: str, page: int) -> None:
    devices = sorted(data.read_devices(url), key=_urgency)
    st.caption(as_plain(_summary(devices)))
    with st.grid(min_column_width=300):
        for device in devices[(page - 1) * CARDS_A_PAGE : page * CARDS_A_PAGE]:
            _show_card(device)
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
    return f"{len(devices)} devices: " + ", ".join(named)


def _show_card(device: DeviceView) -> None:
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{as_plain(device.name)}**", width="content")
            marks.show_device_state(device.state)
            marks.show_badges([row_text.SIMULATED] if device.simulated else [])
        labels = " ".join(f"{key}={value}" for key, value in device.labels.items())
        st.caption(as_plain(" · ".join(part for part in (device.board, labels) if part)))
        if device.state_reason:
            st.markdown(as_plain(device.state_reason))
        st.markdown(_doing(device))
        st.caption(_knowledge(device))
        for problem in _problems(device):
            st.markdown(f":orange[:material/warning: {as_plain(problem)}]")
        if device.doing_run:
            st.page_link(
                "views/run.py", label="Open its run", icon=":material/timeline:", query_params={"run": device.doing_run}
            )


def _doing(device: DeviceView) -> str:
    if not device.doing:
        return "Idle"
    phase = device.phase.replace("_", " ") if device.phase else ""
    now = at_the_gate(device) or phase
    return as_plain(f"{device.doing}, {now}" if now else device.doing)


def _knowledge(device: DeviceView) -> str:
    is_known = device.last_temperature_c is not None
    temperature = numbers_text.celsius(device.last_temperature_c) if is_known else "temperature unknown"
    queue = f"{numbers_text.count(device.queued)} waiting" if device.queued else "no run waiting"
    seen = "never seen" if device.last_seen_age_s is None else f"seen {numbers_text.age(device.last_seen_age_s)}"
    return as_plain(f"{temperature} · {queue} · {seen}")


def _problems(device: DeviceView) -> list[str]:
    faults = [f"{device.faults_in_row} faults in a row"] if device.faults_in_row and not device.state_reason else []
    return faults + [f"{runtime} is unsupported: {why}" for runtime, why in device.unsupported.items()]


def _show_progress(active: Sequence[StudyView]) -> None:
    st.subheader("Studies in progress", anchor=False)
    if not active:
        st.caption("None. `pifarm submit MODEL` queues one.")
    for study in active:
        ended = sum(study.counts.get(state, 0) for state in ("done", "failed", "cancelled"))
        failed = study.counts.get("failed", 0)
        parts = [
            f"Study {study.study}: {study.model}, {study.protocol} protocol on {len(study.devices)} devices",
            f"{ended} of {study.total} runs" + (f", {failed} failed" if failed else ""),
            "time left not known yet" if study.eta_s is None else f"about {numbers_text.duration(study.eta_s)} left",
        ]
        simulated = [row_text.SIMULATED] if study.simulated else []
        st.progress(ended / study.total if study.total else 0.0, text=as_plain(" · ".join(parts + simulated)))


def _show_events(url: str) -> None:
    st.subheader("What happened", anchor=False)
    events = data.read_events(url)
    if not events:
        st.caption("Nothing yet.")
        return
    zone = st.context.timezone
    frame = pd.DataFrame(
        [
            [in_zone(event.at_s, zone), event.message, event.device or "", event.run or "", event.kind]
            for event in events
        ],
        columns=["Time", "Event", "Device", "Run", "Kind"],
    )
    settings = {
        "Time": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone=zone),
        "Event": st.column_config.TextColumn(width="large"),
    }
    st.dataframe(frame, hide_index=True, column_config=settings)


def _show_facts(devices: Sequence[DeviceView]) -> None:
    st.subheader("Facts of a device", anchor=False)
    by_name = {device.name: device for device in devices}
    name = st.selectbox("Device", list(by_name), key="show", bind="query-params", width=300)
    device = by_name[name]
    facts = {
        "address": device.address or "this machine",
        "host key": device.fingerprint or "none: reached without SSH",
        "board type": device.board_type,
        **{f"runtime {runtime}": version for runtime, version in device.runtimes.items()},
        **{f"runtime {runtime}": f"unsupported: {why}" for runtime, why in device.unsupported.items()},
        **{name: numbers_text.fact(name, value) for name, value in sorted(device.facts.items())},
    }
    st.dataframe(pd.DataFrame(facts.items(), columns=["Fact", "Value"]), hide_index=True)
    if device.absent:
        st.caption(as_plain(f"Absent on this board: {', '.join(device.absent)}."))


show()
