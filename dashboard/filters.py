"""The filters of a page and its URL: what somebody chose is in the link, and the link restores it.

Widgets are bound to the query parameter of their key; a value that is no longer there is left out of the link. What is
picked in a table or a chart, or has a name of its own to be shown by, cannot be bound: `pick` puts it into the link.
"""

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from dashboard.plain_text import as_plain

NAMED, WIDE, MIDDLE, NARROW = 680, 340, 230, 150


def one(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    placeholder: str = "all",
    width: int = MIDDLE,
    explanation: str | None = None,
) -> str | None:
    """A choice of one, or of none."""
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=key,
        bind="query-params",
        placeholder=placeholder,
        width=width,
        help=explanation,
    )


def one_of(label: str, options: Sequence[str], key: str, *, width: int = MIDDLE) -> str:
    """A choice of one, the first where nothing else is chosen; there is at least one."""
    return one(label, options, key, placeholder=options[0], width=width) or options[0]


def several(label: str, options: Sequence[str], key: str, *, placeholder: str = "all") -> list[str]:
    """A choice of any number, in the order in which they were chosen."""
    return st.multiselect(label, list(options), key=key, bind="query-params", placeholder=placeholder)


def one_named(label: str, names: Mapping[str, str], key: str, *, placeholder: str) -> str | None:
    """A choice of one thing by its name, or of none; the link has what it is, not its name."""
    options, wanted = list(names), picked(key)
    chosen = st.selectbox(
        label,
        options,
        index=options.index(wanted) if wanted is not None and wanted in names else None,
        format_func=names.__getitem__,
        key=f"{key}-named",
        placeholder=placeholder,
        width=NAMED,
    )
    pick(key, chosen)
    return chosen


def several_named(label: str, names: Mapping[str, str], key: str, *, placeholder: str) -> list[str]:
    """A choice of things by their names, in the order in which they were chosen."""
    wanted = [each for each in st.query_params.get_all(key) if each in names]
    chosen = st.multiselect(
        label, list(names), wanted, format_func=names.__getitem__, key=f"{key}-named", placeholder=placeholder
    )
    if chosen != st.query_params.get_all(key):
        st.query_params[key] = chosen
    return chosen


def mode(label: str, values: Sequence[str], key: str, first: str | None = None) -> str:
    """A choice of one of few, at first `first`, or the first of them."""
    default = values[0] if first is None else first
    return st.segmented_control(label, values, default=default, key=key, bind="query-params") or default


def few(label: str, values: Iterable[str], key: str) -> str | None:
    """A choice of one of few, or of none, all of them in sight."""
    return st.pills(label, sorted(set(values)), format_func=as_plain, key=key, bind="query-params")


def picked(key: str) -> str | None:
    """What the link says was picked."""
    return st.query_params.get(key)


def pick(key: str, value: str | None) -> None:
    """Put what was picked into the link; None takes it out."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value
