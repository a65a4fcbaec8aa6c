"""What a page says before there is anything to show: the command that comes next."""

import streamlit as st

from dashboard.first_study import offer_first_study


def nothing_submitted(*, has_devices: bool) -> None:
    """For a farm without a study."""
    st.info("Nothing has been measured yet.", icon=":material/rocket_launch:")
    st.markdown("**See it work first.** A trained model on this machine and two simulated boards, about four minutes:")
    st.code("pifarm demo", language="bash")
    st.markdown("Or a quick look, with nothing but what is here; about a minute:")
    offer_first_study(has_devices=has_devices)
    st.markdown("**Or measure your own model.**")
    if not has_devices:
        _register_a_device()
    st.markdown("Hand over a model, as many files as it has variants:")
    st.code("pifarm model add yolo yolo.onnx yolo.ort --metric mAP50=0.699", language="bash")
    st.markdown("Queue it on every device:")
    st.code("pifarm submit yolo --wait", language="bash")


def no_devices() -> None:
    """For a farm without a device."""
    st.info("No device is registered yet.", icon=":material/developer_board_off:")
    _register_a_device()
    st.markdown("Or see the whole farm on this machine, with two simulated boards:")
    st.code("pifarm demo", language="bash")


def no_runs() -> None:
    """For a farm without a run."""
    st.info("There is no run yet.", icon=":material/timeline:")
    st.code("pifarm demo\npifarm submit MODEL --wait", language="bash")


def _register_a_device() -> None:
    st.markdown("Register a Raspberry Pi (`pifarm key` prints the line for its authorized_keys), or this machine:")
    st.code("pifarm device add kitchen --ssh pi@raspberrypi.local\npifarm device add here --local", language="bash")
