"""Who changed what, as a table in the viewer's time zone; for operators, as it names people."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.local_time import in_zone
from orchestrator.queries.audit import AuditView


def show_audit(lines: Sequence[AuditView]) -> None:
    """The newest lines of the audit log."""
    if not lines:
        st.caption("Nothing was changed yet.")
        return
    zone = st.context.timezone
    frame = pd.DataFrame(
        [[in_zone(line.at_s, zone), line.who, line.action, line.target, line.outcome, line.message] for line in lines],
        columns=["Time", "Who", "Did", "To", "Outcome", "Message"],
    )
    settings = {"Time": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone=zone)}
    st.dataframe(frame, hide_index=True, column_config=settings, alt="The audit log, newest first")
    st.caption("All of it: `pifarm audit --limit 1000`.")
