"""Who looks at this page, as the server knows them, and the page that asks.

A sign-in by password lives in Streamlit's session, in this server's memory: nothing is stored in the browser, and a
reload, a new tab or a restart of the dashboard asks again. Only an object of ours counts: a browser can send values of
widgets into a session, and no such object. A sign-in by an identity provider lives in a signed cookie of Streamlit's.
"""

from urllib.parse import urlsplit

import streamlit as st

from dashboard import sign_in
from dashboard.loopback import is_loopback
from dashboard.plain_text import as_plain
from dashboard.tries import Tries
from orchestrator import passwords
from orchestrator.access import Access, Role, Visitor, name_by_claims, role_by_claims
from orchestrator.config import Settings, load_settings
from orchestrator.errors import ForbiddenError

_SESSION_KEY = "signed in"
_BY_DASHBOARD = "dashboard:"


def visitor() -> Visitor | None:
    """Who looks, asked anew each time; None for somebody who has yet to sign in, or may not enter."""
    settings = load_settings()
    match settings.dashboard_access:
        case Access.OPEN:
            is_safe = is_loopback(str(st.get_option("server.address")))
            return Visitor(name="dashboard", role=Role.OPERATOR if is_safe else Role.VIEWER)
        case Access.READ_ONLY:
            return Visitor(name="dashboard", role=Role.VIEWER)
        case Access.PASSWORD:
            known = st.session_state.get(_SESSION_KEY)
            return known if isinstance(known, Visitor) else None
        case Access.OIDC:
            return _by_provider(settings)


def may_act() -> bool:
    """Whether buttons that change something are of use to whoever looks; the actions themselves ask again."""
    found = visitor()
    return found is not None and found.may_act


def show_sign_in() -> None:
    """The page for somebody who is not known yet."""
    settings = load_settings()
    st.title("pifarm")
    if settings.dashboard_access is Access.OIDC:
        _show_provider(settings)
        return
    with st.form("sign-in", width=360):
        typed = st.text_input("Password", type="password", autocomplete="current-password")
        if st.form_submit_button("Sign in", type="primary"):
            _sign_in(settings, typed)
    st.caption("A reload or a new tab asks again: nothing of it is kept in your browser.")


def show_visitor(who: Visitor) -> None:
    """Who is signed in, and the way out; nothing where nobody is asked."""
    if load_settings().dashboard_access not in (Access.PASSWORD, Access.OIDC):
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
        name = who.name.removeprefix(_BY_DASHBOARD)
        known_as = name if name == who.role.value else f"{name}, {who.role.value}"
        st.caption(as_plain(f"Signed in: {known_as}"), width="content")
        st.button("Sign out", on_click=_sign_out, type="tertiary", key="sign-out")


def role_by_password(settings: Settings, typed: str) -> Role | None:
    """Whose password it is. Every hash is tried, so that the time says nothing about whose it may be."""
    hashes = {
        Role.VIEWER: settings.dashboard_viewer_password_hash,
        Role.OPERATOR: settings.dashboard_operator_password_hash,
    }
    found = [role for role, stored in hashes.items() if stored and passwords.matches(typed, stored)]
    return found[-1] if found else None


@st.cache_resource(show_spinner=False)
def _tries() -> Tries:
    return Tries()


def _sign_in(settings: Settings, typed: str) -> None:
    try:
        role = _tries().attempt(lambda: role_by_password(settings, typed))
    except ForbiddenError as error:
        st.error(as_plain(error))
        return
    if role is None:
        st.error("That is not the password.")
        return
    st.session_state[_SESSION_KEY] = Visitor(name=f"{_BY_DASHBOARD}{role.value}", role=role)
    st.rerun()


def _sign_out() -> None:
    st.session_state.pop(_SESSION_KEY, None)
    if load_settings().dashboard_access is Access.OIDC:
        st.logout()


def _show_provider(settings: Settings) -> None:
    host = urlsplit(f"//{st.context.headers.get('Host', '')}").hostname
    if st.user.is_logged_in:
        st.error("You are signed in, but nobody has given you a role here; ask whoever runs this farm.")
        st.button("Sign out", on_click=_sign_out)
    elif host == urlsplit(sign_in.url_of(settings)).hostname:
        st.button("Sign in", type="primary", on_click=st.login)
    else:
        st.info("Your identity provider knows this dashboard by another name; sign in there.")
        st.link_button("To the dashboard", sign_in.url_of(settings), type="primary")


def _by_provider(settings: Settings) -> Visitor | None:
    if not st.user.get("is_logged_in"):
        return None
    claims = st.user.to_dict()
    role = role_by_claims(claims, settings.dashboard_claim, settings.dashboard_operators, settings.dashboard_viewers)
    return None if role is None else Visitor(name=f"{_BY_DASHBOARD}{name_by_claims(claims)}", role=role)
