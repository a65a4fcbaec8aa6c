"""How a study stands, while it goes on: which run, in which phase, how warm, how long still. Looks again by itself."""

import streamlit as st

from dashboard import data, marks, search_section
from dashboard.event_table import show_events
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, StudyKind, StudyState
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.text import numbers_text, row_text, study_text
from orchestrator.text.waiting_text import at_the_gate, stuck

REFRESH_S = 2


def share_ended(study: StudyView) -> float:
    """How much of a study's runs have ended, 0 to 1."""
    ended = sum(study.counts.get(state.value, 0) for state in ENDED_RUN_STATES)
    return ended / study.total if study.total else 0.0


@st.fragment(run_every=REFRESH_S)
def show_live_study(url: str, number: int, state: StudyState) -> None:
    """The study as it is now; the whole page again once it is no longer in `state`."""
    study = data.read_study(url, number)
    if study.state is not state:
        st.rerun()
    show_standing(study)
    devices = [device for device in data.read_devices(url) if device.name in study.devices]
    if waits := stuck(devices):
        st.warning(as_plain(waits), icon=":material/sick:")
    with st.grid(min_column_width=300):
        for device in devices:
            _show_board(device, study)
    if study.kind is StudyKind.PACE:
        search_section.show(url, number)
    show_events(data.read_events(url, number))


def show_standing(study: StudyView) -> None:
    """Its progress in one bar and a few words."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        marks.show_study_state(study.state)
        marks.show_badges([row_text.SIMULATED] if study.simulated else [])
        if study.priority:
            st.badge(f"priority {study.priority}", color="blue")
    st.progress(share_ended(study), text=as_plain(study_text.standing(study)))
    for line in study_text.progress_lines(study):
        st.caption(as_plain(line))


def _show_board(device: DeviceView, study: StudyView) -> None:
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{as_plain(device.name)}**", width="content")
            marks.show_device_state(device.state)
        is_here = device.doing_study in (None, study.study)
        st.markdown(as_plain(_doing(device) if is_here else _doing_elsewhere(device, study)))
        left_s = study.left_s.get(device.name)
        left = f" · about {numbers_text.duration(left_s)} left here" if left_s else ""
        st.caption(as_plain(f"{_seen(device)}{left}"))
        if device.doing_run and is_here:
            st.page_link(
                "views/run.py", label="Open its run", icon=":material/timeline:", query_params={"run": device.doing_run}
            )


def _seen(device: DeviceView) -> str:
    """Its last temperature, if it has one, and when it was seen."""
    if device.last_seen_age_s is None:
        return "not seen yet"
    warm_c, age = device.last_temperature_c, numbers_text.age(device.last_seen_age_s)
    return f"seen {age}" if warm_c is None else f"{numbers_text.celsius(warm_c)}, {age}"


def _doing_elsewhere(device: DeviceView, study: StudyView) -> str:
    waits = "runs of this one wait" if device.name in study.left_s else "nothing of this study is left to do"
    return f"Works for study {device.doing_study}: {waits}"


def _doing(device: DeviceView) -> str:
    if not device.doing:
        return device.state_reason or ("Its runs wait for their turn" if device.queued else "Nothing left to do")
    now = at_the_gate(device) or (device.phase or "").replace("_", " ")
    return f"{device.doing}, {now}" if now else device.doing
