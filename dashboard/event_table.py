"""The diary as a table, in the viewer's time zone."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.local_time import in_zone
from orchestrator.queries.rows import EventView

EVENT_PX = 640  # most messages in full; a click on one shows it whole


def show_events(events: Sequence[EventView]) -> None:
    """What happened, newest first."""
    st.subheader("What happened", anchor=False)
    if not events:
        st.caption("Nothing yet.")
        return
    zone = st.context.timezone
    frame = pd.DataFrame(
        [
            [in_zone(event.at_s, zone), event.message, event.device or "", event.run or "", event.kind]
            for event in events
        ],
        columns=["Time", "Event", "Device", "Run", "Kind"],
    )
    settings = {
        "Time": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone=zone),
        "Event": st.column_config.TextColumn(width=EVENT_PX),
        **{name: st.column_config.TextColumn(width="small") for name in ("Device", "Run", "Kind")},
    }
    st.dataframe(frame, hide_index=True, column_config=settings, alt="What happened, newest first")
