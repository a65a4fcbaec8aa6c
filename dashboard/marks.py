"""Badges: what a reader must not overlook, and in what state a thing is."""

from collections.abc import Iterable
from typing import Literal

import streamlit as st

from orchestrator.attending.lifecycle import DeviceState, RunState, StudyState, Verdict
from orchestrator.text import row_text

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

_MARKS: dict[str, tuple[Colour, str]] = {
    row_text.SIMULATED: ("orange", ":material/science:"),
    row_text.PUBLISHED: ("violet", ":material/menu_book:"),
    row_text.PROVISIONAL: ("gray", ":material/hourglass_top:"),
    row_text.FLIPS: ("red", ":material/swap_vert:"),
}
_VERDICTS: dict[Verdict, tuple[Colour, str]] = {
    Verdict.VALID: ("green", ":material/check:"),
    Verdict.SUSPECT: ("orange", ":material/warning:"),
    Verdict.INVALID: ("red", ":material/close:"),
}
_RUNS: dict[RunState, Colour] = {RunState.DONE: "gray", RunState.FAILED: "red", RunState.CANCELLED: "gray"}
_DEVICES: dict[DeviceState, tuple[Colour, str]] = {
    DeviceState.READY: ("green", ":material/check:"),
    DeviceState.DRAINED: ("gray", ":material/pause:"),
    DeviceState.SICK: ("red", ":material/sick:"),
}


def show_badges(names: Iterable[str]) -> None:
    """A badge for each mark, with its meaning on hover."""
    for name in names:
        colour, icon = _MARKS[name]
        st.badge(name, color=colour, icon=icon, help=row_text.MARKS[name])


def show_verdict(verdict: Verdict) -> None:
    """A badge for a verdict."""
    colour, icon = _VERDICTS[verdict]
    st.badge(verdict.value, color=colour, icon=icon)


def show_run_state(state: RunState) -> None:
    """A badge for where a run is."""
    st.badge(state.value, color=_RUNS.get(state, "blue"))


def show_study_state(state: StudyState) -> None:
    """A badge for where a study is."""
    colours: dict[StudyState, Colour] = {StudyState.ACTIVE: "blue", StudyState.DONE: "green"}
    st.badge(state.value, color=colours.get(state, "gray"))


def show_device_state(state: DeviceState) -> None:
    """A badge for whether a device takes work."""
    colour, icon = _DEVICES[state]
    st.badge(state.value, color=colour, icon=icon)
