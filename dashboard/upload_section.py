"""Handing over a model: what pifarm reads from the files, before any of it is stored."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from agent.wire.names import is_plain_name
from dashboard import access, actions, uploads
from dashboard.doing import FOR_OPERATORS, asks_for, do
from dashboard.plain_text import as_plain
from dashboard.study_form import choose_model
from dashboard.uploads import Found
from orchestrator.config import load_settings
from orchestrator.errors import PifarmError
from orchestrator.formats.reading import readers, suffixes
from orchestrator.text import numbers_text

_READ = "what was read"
_HANDED_OVER = "models handed over"
_COMPANIONS = ("bin", "data", "weights")
_UNIT_BYTES = 1024 * 1024


def show_upload() -> None:
    """Files in, facts out; stored once an operator says so."""
    settings = load_settings()
    files = st.file_uploader(
        "Files, one or more for each variant",
        type=[*(suffix.lstrip(".") for suffix in readers()), *_COMPANIONS],
        accept_multiple_files=True,
        max_upload_size=max(1, settings.upload_max_bytes // _UNIT_BYTES),
        key=f"files-{st.session_state.get(_HANDED_OVER, 0)}",
        disabled=not access.may_act(),
        help=f"{suffixes()}; weights that lie in files of their own come with them."
        if access.may_act()
        else FOR_OPERATORS,
    )
    if not files:
        return
    found = _read(files)
    if found is None:
        return
    _show_found(found)
    name = st.text_input("Name of the model", key="model-name", placeholder="yolov9-c").strip()
    if name and not is_plain_name(name):
        st.error("Expected letters, digits, '.', '_' or '-'.")
    if asks_for("Add it to the farm", key="add-model", is_main=True, is_possible=is_plain_name(name)):
        do(lambda: _add(name, files), f"{name}: added {{}}; chosen below")


def _read(files: Sequence[UploadedFile]) -> list[Found] | None:
    """What the files are; read once for each choice of files, for it takes a process of its own."""
    key = tuple(file.file_id for file in files)
    known: tuple[tuple[str, ...], list[Found] | str] | None = st.session_state.get(_READ)
    if known is None or known[0] != key:
        with st.spinner("Reading"):
            known = (key, _try_to_read(files))
        st.session_state[_READ] = known
    if isinstance(known[1], str):
        st.error(as_plain(known[1]), icon=":material/error:")
        return None
    return known[1]


def _try_to_read(files: Sequence[UploadedFile]) -> list[Found] | str:
    try:
        return uploads.read_uploads(files, load_settings())
    except PifarmError as error:
        return str(error)


def _add(name: str, files: Sequence[UploadedFile]) -> str:
    """Store the model and let the form go on with it; what was added of it."""
    with uploads.laid_out(files, load_settings()) as builds:
        added = actions.add_model(name, builds)
    st.session_state[_HANDED_OVER] = st.session_state.get(_HANDED_OVER, 0) + 1  # an uploader of its own for the next
    choose_model(name)
    return ", ".join(added) or "nothing new"


def _show_found(found: Sequence[Found]) -> None:
    rows = [
        [
            each.label,
            each.format,
            ", ".join(each.runtimes),
            numbers_text.size(each.size_bytes),
            numbers_text.count(each.parameters),
            _work(each),
            each.inputs,
            each.outputs,
        ]
        for each in found
    ]
    columns = ["Variant", "Format", "Runs on", "Size", "Parameters", "Work an inference", "Inputs", "Outputs"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, alt="What was read from the files")


def _work(found: Found) -> str:
    if found.flops is None:
        return numbers_text.ABSENT
    missing = f", {found.unknown_layers} layers of open shape not counted" if found.unknown_layers else ""
    return f"{found.flops / 1e6:,.1f} MFLOP{missing}"
