"""A device as a card: its state, what it does, what its board last said and when, and what is wrong with it."""

import streamlit as st

from dashboard import marks
from dashboard.plain_text import as_plain
from orchestrator.boards.doctor import bits_in_words
from orchestrator.queries.canary import CanaryChart
from orchestrator.queries.rows import DeviceView
from orchestrator.queries.vitals import Vitals
from orchestrator.text import numbers_text, row_text
from orchestrator.text.waiting_text import at_the_gate

CHOSEN = "show"  # of the page's address, too


def show_card(device: DeviceView, vitals: Vitals | None, canary: CanaryChart) -> None:
    """The whole card."""
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
        for line in (_vitals(vitals), _canary(canary)):
            if line:
                st.caption(as_plain(line))
        for problem in _problems(device):
            st.markdown(f":orange[:material/warning: {as_plain(problem)}]")
        with st.container(horizontal=True, gap="small"):
            _show_links(device)


def _show_links(device: DeviceView) -> None:
    if device.doing_run:
        st.page_link(
            "views/run.py", label="Open its run", icon=":material/timeline:", query_params={"run": device.doing_run}
        )
    if st.button(
        "Look after it",
        key=f"look-after-{device.name}",
        icon=":material/build:",
        type="tertiary",
        on_click=choose,
        args=(device.name,),
    ):
        st.rerun()


def choose(name: str) -> None:
    """Choose the device above; so its name gets into the page's address, too."""
    st.session_state[CHOSEN] = name


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


def _vitals(vitals: Vitals | None) -> str:
    if vitals is None:
        return ""
    clock = None if vitals.clock_hz is None else f"true clock {numbers_text.megahertz(vitals.clock_hz)}"
    bits = None if vitals.throttled is None else bits_in_words(vitals.throttled) or "no throttle bit set"
    said = " · ".join(part for part in (clock, bits) if part)
    return f"{said} · as of {numbers_text.age(vitals.age_s)}" if said else ""


def _canary(chart: CanaryChart) -> str:
    if not chart.points:
        return ""
    last = chart.points[-1]
    drift = "" if not chart.center_ms else f", {last.median_ms / chart.center_ms - 1:+.1%} of its baseline"
    state = "beyond its limits" if last.is_out else "within its limits" if chart.baseline else "no limits yet"
    return f"canary {numbers_text.ms(last.median_ms)}{drift}, {state}, {numbers_text.age(last.age_s)}"


def _problems(device: DeviceView) -> list[str]:
    faults = [f"{device.faults_in_row} faults in a row"] if device.faults_in_row and not device.state_reason else []
    return faults + [f"{runtime} is unsupported: {why}" for runtime, why in device.unsupported.items()]
