"""Doing what a button asks for, and saying what came of it."""

from collections.abc import Callable

import streamlit as st

from dashboard import access
from dashboard.plain_text import as_plain
from orchestrator.errors import PifarmError

FOR_OPERATORS = "For operators. You may look, but not change anything."
_SAID_KEY = "said"


def do(work: Callable[[], object], said: str) -> None:
    """Do it, say so (`{}` is what `work` returned), and show the page anew; an error stands where the button is."""
    try:
        found = work()
    except PifarmError as error:
        st.error(as_plain(error), icon=":material/error:")
        return
    st.session_state[_SAID_KEY] = said.replace("{}", str(found))
    st.rerun()


def say_what_was_done() -> None:
    """Say what a button did in the run before: what that run itself says may be gone before it is drawn."""
    said = st.session_state.pop(_SAID_KEY, None)
    if said is not None:
        st.toast(as_plain(said), icon=":material/check:")


def asks_for(label: str, *, key: str, icon: str | None = None, is_main: bool = False, is_possible: bool = True) -> bool:
    """A button that changes something: pressed or not. It is grey for viewers, and says why."""
    may = access.may_act()
    return st.button(
        label,
        key=key,
        icon=icon,
        type="primary" if is_main else "secondary",
        disabled=not (may and is_possible),
        help=None if may else FOR_OPERATORS,
    )
