"""What an operator may do with a study: cancel it, try again, move it before others."""

import streamlit as st

from dashboard import access, actions
from dashboard.doing import FOR_OPERATORS, asks_for, do
from orchestrator.attending.lifecycle import MOST_PRIORITY, StudyState
from orchestrator.queries.rows import StudyView


def show_actions(study: StudyView) -> None:
    """The buttons; what the server lets through is decided when one is pressed."""
    is_active = study.state is StudyState.ACTIVE
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="study-actions"):
        if is_active:
            with st.popover("Cancel", icon=":material/cancel:", disabled=not access.may_act(), help=_why_not()):
                _show_cancel(study)
            with st.popover("Priority", icon=":material/low_priority:", disabled=not access.may_act(), help=_why_not()):
                _show_priority(study)
        with st.popover("Retry", icon=":material/refresh:", disabled=not access.may_act(), help=_why_not()):
            _show_retry(study)


def _show_cancel(study: StudyView) -> None:
    st.markdown("It holds at once; a board that measures is told on the next contact. What was measured stays.")
    if asks_for(f"Cancel study {study.study}", key="cancel", is_main=True):
        do(lambda: actions.cancel_study(study.study), f"Study {study.study}: {{}} runs cancelled")


def _show_priority(study: StudyView) -> None:
    number = st.number_input(
        "Greater comes first; 0 is usual", -MOST_PRIORITY, MOST_PRIORITY, study.priority, key=f"priority-{study.study}"
    )
    st.caption("A block that has begun is ended first.")

    if asks_for("Change the priority", key="prioritise", is_main=True):
        do(lambda: actions.prioritise_study(study.study, int(number)), f"Study {study.study}: priority {number}")


def _show_retry(study: StudyView) -> None:
    st.markdown("Queues runs again that failed, were cancelled or are invalid.")
    abandon = st.checkbox(
        "Give up attempts that are open",
        key="abandon",
        help="For boards that will not come back; what they measured is lost.",
    )
    if asks_for(f"Retry study {study.study}", key="retry", is_main=True):
        do(lambda: actions.retry_study(study.study, abandon=abandon), f"Study {study.study}: {{}} runs queued again")


def _why_not() -> str | None:
    return None if access.may_act() else FOR_OPERATORS
