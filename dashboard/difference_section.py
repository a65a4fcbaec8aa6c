"""What differs between two runs, the gravest first."""

import pandas as pd
import streamlit as st

from dashboard import lab_data
from dashboard.plain_text import as_plain
from orchestrator.queries.difference import RunDifference, Weight
from orchestrator.text import numbers_text, run_text

COLUMNS = ("Area", "Fact", "This run", "The other", "Why it matters")


def show(url: str, one: str, other: str) -> None:
    """Whether they can be compared, how their medians stand to each other, and every fact that differs."""
    found = lab_data.read_difference(url, one, other)
    can_not = found.comparable is False
    box = st.warning if can_not else st.caption
    box(as_plain(f"{run_text.comparability(found)}."))
    st.markdown(as_plain(_medians(found)))
    for weight in Weight:
        _show_part(found, weight)
    if not found.differences:
        st.caption("No fact differs.")


def _show_part(found: RunDifference, weight: Weight) -> None:
    rows = [run_text.difference_row(each) for each in found.differences if each.weight is weight]
    if not rows:
        return
    with st.expander(f"{weight.value.capitalize()}: {len(rows)}", expanded=weight is not Weight.DETAIL):
        st.dataframe(pd.DataFrame(rows, columns=list(COLUMNS)), hide_index=True)


def _medians(found: RunDifference) -> str:
    one, other = found.one.median_ms, found.other.median_ms
    if one is None or other is None:
        return "One of them has no latency."
    return (
        f"Medians: {numbers_text.ms(one)} and {numbers_text.ms(other)}, a ratio of {numbers_text.ratio(one / other)}. "
        "Two runs alone cannot say whether that is more than chance: variants are compared by their blocks."
    )
