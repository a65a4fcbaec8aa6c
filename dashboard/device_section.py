"""One device in full: taking it out of service and back, the doctor's findings, its facts."""

import time

import pandas as pd
import streamlit as st

from dashboard import access, actions, marks
from dashboard.doing import FOR_OPERATORS, asks_for, do
from dashboard.local_time import moment_text
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards import doctor
from orchestrator.boards.doctor import Checkup
from orchestrator.errors import PifarmError
from orchestrator.queries.rows import DeviceView
from orchestrator.text import numbers_text

_LOOKED_KEY = "looked closer"


def show_device(device: DeviceView) -> None:
    """Everything about it."""
    with st.container(border=True, key="device"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.subheader(as_plain(device.name), anchor=False, width="content")
            marks.show_device_state(device.state)
        if device.state_reason:
            st.markdown(as_plain(device.state_reason))
        service, findings, facts = st.tabs(["Service", "Doctor", "Facts"])
        with service:
            _show_service(device)
        with findings:
            _show_doctor(device)
        with facts:
            _show_facts(device)


def _show_service(device: DeviceView) -> None:
    st.caption(
        "Drained: no further work, the run it is at goes on. Quarantined: the same, and it counts as sick until "
        "somebody has looked at it. Its queue stays either way."
    )
    comment = st.text_input(
        "Comment",
        key=f"comment-{device.name}",
        placeholder="why, e.g. new fan",
        help=None if access.may_act() else FOR_OPERATORS,
        disabled=not access.may_act(),
    )
    with st.container(horizontal=True, gap="small"):
        if device.state is DeviceState.READY:
            if asks_for("Drain", key="drain", icon=":material/pause:"):
                do(lambda: actions.drain_device(device.name, comment), f"{device.name}: drained")
        elif asks_for("Resume", key="resume", icon=":material/play_arrow:", is_main=True):
            do(lambda: actions.resume_device(device.name, comment), f"{device.name}: ready, after a canary")
        if device.state is not DeviceState.SICK and asks_for("Quarantine", key="quarantine", icon=":material/sick:"):
            do(lambda: actions.quarantine_device(device.name, comment), f"{device.name}: quarantined")


def _show_doctor(device: DeviceView) -> None:
    if asks_for("Look closer now", key="doctor", icon=":material/stethoscope:"):
        _look_closer(device.name)
    looked = st.session_state.get(_LOOKED_KEY, {}).get(device.name)
    if looked is None:
        st.caption("From its last probe. A closer look speaks to the board; it is refused while a run is active on it.")
        _show_checkup(doctor.examine(device.facts, device.absent, doctor.LEAST_FREE_BYTES, device.unsupported))
    else:
        st.caption(as_plain(f"Looked closer, {moment_text(looked[0], st.context.timezone)}"))
        _show_checkup(looked[1])


def _look_closer(name: str) -> None:
    """Ask the board, and keep what came of it while this tab is open: another button would else wipe it away."""
    try:
        with st.spinner("Asking the board"):
            checkup = actions.examine_device(name)
    except PifarmError as error:
        st.error(as_plain(error), icon=":material/error:")
        return
    st.session_state.setdefault(_LOOKED_KEY, {})[name] = (time.time(), checkup)


def _show_checkup(checkup: Checkup) -> None:
    if checkup.findings:
        rows = [[finding.found, finding.advice, finding.code] for finding in checkup.findings]
        st.dataframe(pd.DataFrame(rows, columns=["Found", "What to do", "Code"]), hide_index=True)
    else:
        st.success("Nothing found.", icon=":material/check:")
    if checkup.not_checked:
        st.caption(as_plain(f"Not checked, because the board does not tell: {', '.join(checkup.not_checked)}."))


def _show_facts(device: DeviceView) -> None:
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
