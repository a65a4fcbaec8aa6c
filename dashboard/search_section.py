"""What searches for the highest rate that a board holds have found: the answer of each, what it rests on, its steps."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from dashboard import lab_data
from dashboard.plain_text import as_plain
from orchestrator.text import pace_text


def show(url: str, study: int, wanted: Collection[tuple[str, str]] | None = None) -> None:
    """The searches of a study, each in a frame of its own; `wanted` are devices with variants, by default all."""
    names = [name.capitalize() for name in pace_text.STEP_COLUMNS]
    for found in lab_data.read_searches(url, study):
        if wanted is not None and (found.device, found.variant) not in wanted:
            continue
        with st.container(border=True):
            st.markdown(f"**{as_plain(pace_text.headline(found))}**")
            for line in list(pace_text.search_lines(found))[1:]:
                st.caption(as_plain(line))
            st.dataframe(pd.DataFrame(pace_text.step_rows(found), columns=names), hide_index=True)
