"""Page Submit: hand over a model, choose what to measure where, see what it takes, queue it."""

import streamlit as st

from dashboard import data, empty_states
from dashboard.study_form import show_form
from dashboard.upload_section import show_upload


def show() -> None:
    """The whole page."""
    st.title("Submit")
    url = data.database_url()
    has_models, has_devices = bool(data.read_models(url)), bool(data.read_devices(url))
    with st.expander("Hand over a model", expanded=not has_models, icon=":material/upload_file:"):
        show_upload()
    if not has_models:
        st.info("There is no model yet: hand one over above, or at the command line.", icon=":material/info:")
        st.code("pifarm model add yolo yolo.onnx yolo.ort --metric mAP50=0.699", language="bash")
    elif not has_devices:
        empty_states.no_devices()
    else:
        show_form(url)


show()
