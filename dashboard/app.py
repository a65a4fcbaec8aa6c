"""The dashboard's entry: navigation, and the one place where a page's failure becomes a message.

Started by `dashboard.launch`; Streamlit runs this file anew for every interaction.
"""

from pathlib import Path

import streamlit as st
from altair.utils import schemapi

from dashboard import access
from dashboard.doing import say_what_was_done
from dashboard.plain_text import as_plain
from orchestrator.errors import PifarmError

ICON = Path(__file__).parent / "icon.svg"

schemapi.disable_debug_mode()  # checks each part of a chart as it is made; the whole is checked when it is shown


def main() -> None:
    """Show the page that the URL names, to whoever may see it."""
    st.set_page_config(page_title="pifarm", page_icon=ICON, layout="wide")
    page = st.navigation(
        [
            st.Page("views/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:", default=True),
            st.Page("views/submit.py", title="Submit", icon=":material/playlist_add:", url_path="submit"),
            st.Page("views/studies.py", title="Studies", icon=":material/list_alt:", url_path="studies"),
            st.Page("views/run.py", title="Run", icon=":material/timeline:", url_path="run"),
            st.Page("views/compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
            st.Page("views/thermal.py", title="Thermal lab", icon=":material/device_thermostat:", url_path="thermal"),
            st.Page("views/farm.py", title="Farm", icon=":material/developer_board:", url_path="farm"),
            st.Page("views/health.py", title="Health", icon=":material/monitor_heart:", url_path="health"),
        ],
        position="top",
    )
    try:
        visitor = access.visitor()
        if visitor is None:
            access.show_sign_in()
            return
        access.show_visitor(visitor)
        page.run()
        say_what_was_done()
    except PifarmError as error:
        st.error(as_plain(error), icon=":material/error:")


if __name__ == "__main__":
    main()
