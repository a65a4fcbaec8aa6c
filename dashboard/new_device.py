"""Adding a device: its host key is shown first, and pinned only once somebody has compared it."""

import streamlit as st

from agent.wire.names import is_plain_name
from dashboard import actions
from dashboard.device_card import choose
from dashboard.doing import asks_for
from dashboard.plain_text import as_plain
from orchestrator.errors import PifarmError, SpecError
from orchestrator.transport.address import SshAddress

_ON_THE_BOARD = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
_SHOWN_KEY = "shown host key"


def show_new_device() -> None:
    """The form, step by step; each error stands beside its field."""
    st.markdown("First let this farm in: put its key into `~/.ssh/authorized_keys` on the board. This prints it:")
    st.code("pifarm key", language="bash")
    name = st.text_input("Name", key="new-name", placeholder="shelf-1").strip()
    if name and not is_plain_name(name):
        st.error("Expected letters, digits, '.', '_' or '-'.")
    address = st.text_input("Address", key="new-address", placeholder="pi@shelf-1.lan").strip()
    wrong_address = _what_is_wrong(address)
    if wrong_address:
        st.error(as_plain(wrong_address))
    cooling = st.selectbox(
        "Cooling", ["fan", "heatsink", "bare"], index=None, key="new-cooling", placeholder="not said"
    )
    is_ready = is_plain_name(name) and bool(address) and not wrong_address
    if asks_for("Show its host key", key="look", icon=":material/fingerprint:", is_possible=is_ready):
        _look(address)
    shown = st.session_state.get(_SHOWN_KEY)
    if shown is not None and shown[0] == address and is_ready:
        _confirm(name, address, {"cooling": cooling} if cooling else {}, shown[1])


def _what_is_wrong(address: str) -> str:
    try:
        if address:
            SshAddress.parse(address)
    except SpecError as error:
        return str(error)
    return ""


def _look(address: str) -> None:
    try:
        with st.spinner("Asking the board"):
            st.session_state[_SHOWN_KEY] = (address, actions.look_at_host_key(address))
    except PifarmError as error:
        st.session_state.pop(_SHOWN_KEY, None)
        st.error(as_plain(error), icon=":material/error:")


def _confirm(name: str, address: str, labels: dict[str, str], fingerprint: str) -> None:
    st.markdown("The board shows this host key:")
    st.code(fingerprint, language=None)
    st.markdown("On the board itself, this prints its own:")
    st.code(_ON_THE_BOARD, language="bash")
    is_same = st.checkbox("They are the same", key=f"same-{fingerprint}")
    if not asks_for("Add the device", key="add-device", is_main=True, is_possible=is_same):
        return
    with st.status(f"Adding {as_plain(name)}; this takes minutes the first time", expanded=True) as status:
        try:
            actions.add_device(name, address, labels, fingerprint, _tell)
        except PifarmError as error:
            status.update(label="Not added", state="error")
            st.error(as_plain(error), icon=":material/error:")
            return
        status.update(label="Added", state="complete")
    st.session_state.pop(_SHOWN_KEY, None)
    st.button(as_plain(f"Look after {name}"), key="look-after-new", on_click=choose, args=(name,))


def _tell(step: str, detail: str) -> None:
    st.markdown(as_plain(f"{step}: {detail}" if detail else step))
