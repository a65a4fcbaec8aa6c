"""Page Studies: what waits and what goes on; one study in full, with what an operator may do with it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import data, empty_states
from dashboard.local_time import in_zone
from dashboard.plain_text import as_plain
from dashboard.study_actions import show_actions
from dashboard.study_panel import REFRESH_S, share_ended, show_live_study
from orchestrator.attending.lifecycle import StudyState
from orchestrator.queries.overview import QueueView
from orchestrator.queries.rows import StudyView
from orchestrator.text import numbers_text

MOST_ACTIVE = 12
RUNS_REFRESH_S = 10
LONGEST_UNATTENDED_S = 30.0  # a tick comes every second, a visit takes some


def show() -> None:
    """The whole page."""
    st.title("Studies")
    url = data.database_url()
    studies = data.read_studies(url)
    if not studies:
        empty_states.nothing_submitted(has_devices=bool(data.read_devices(url)))
        return
    by_number = {str(study.study): study for study in studies}
    chosen = st.selectbox(
        "Study",
        list(by_number),
        index=None,
        key="study",
        bind="query-params",
        placeholder="choose one to see all of it",
        width=300,
    )
    _show_queue(url, with_studies=chosen is None)
    if chosen is None:
        _show_all(studies)
    else:
        _show_one(url, by_number[chosen])


@st.fragment(run_every=REFRESH_S)
def _show_queue(url: str, *, with_studies: bool) -> None:
    st.caption(as_plain(_queue_text(data.read_queue(url))))
    waited_s = data.read_unattended_s(url)
    if waited_s is not None and waited_s > LONGEST_UNATTENDED_S:
        waited = numbers_text.duration(waited_s)
        st.warning(f"Runs wait, and nobody has looked after their boards for {waited}. Is the farm running?")
        st.code("pifarm up", language="bash")
    if not with_studies:
        return
    active = [study for study in data.read_studies(url) if study.state is StudyState.ACTIVE]
    for study in sorted(active, key=lambda each: (-each.priority, each.study))[:MOST_ACTIVE]:
        left = "" if study.eta_s is None else f", {numbers_text.time_left(study.eta_s)}"
        done = f"{study.counts.get('done', 0)} of {numbers_text.counted(study.total, 'run')}"
        text = f"Study {study.study}: {study.model}, {done}{left}"
        st.progress(share_ended(study), text=as_plain(text))
    if len(active) > MOST_ACTIVE:
        st.caption(f"and {len(active) - MOST_ACTIVE} more")


def _queue_text(queue: QueueView) -> str:
    if not queue.waiting and not queue.running:
        return "Nothing waits."
    left = "" if queue.eta_s is None else f"; {numbers_text.time_left(queue.eta_s)}"
    running = numbers_text.counted(queue.running, "run")
    return f"{running} being measured, {numbers_text.count(queue.waiting)} waiting{left}."


def _show_all(studies: Sequence[StudyView]) -> None:
    zone = st.context.timezone
    columns = ["Study", "Model", "Protocol", "State", "Runs done", "Devices", "Submitted"]
    frame = pd.DataFrame(
        [
            [
                study.study,
                study.model,
                study.protocol,
                study.state.value,
                f"{study.counts.get('done', 0)} of {study.total}",
                ", ".join(study.devices),
                in_zone(study.created_at_s, zone),
            ]
            for study in studies
        ],
        columns=columns,
    )
    settings = {"Submitted": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone=zone)}
    shown = st.dataframe(
        frame,
        hide_index=True,
        column_config=settings,
        on_select="rerun",
        selection_mode="single-row",
        key="all",
        alt="All studies, newest first",
    )
    chosen = [row for row in shown.selection.rows if row < len(studies)]
    if not chosen:
        st.caption("Select a study to open it.")
        return
    study = studies[chosen[0]]
    label = as_plain(f"Open study {study.study}: {study.model}")
    st.button(label, icon=":material/list_alt:", key="open", on_click=_choose, args=(study.study,))


def _choose(study: int) -> None:
    st.session_state["study"] = str(study)


def _show_one(url: str, study: StudyView) -> None:
    st.subheader(as_plain(f"Study {study.study}: {study.model}"), anchor=False)
    with st.container(horizontal=True, gap="small"):
        for page, label, icon in (
            ("views/leaderboard.py", "Its leaderboard", ":material/leaderboard:"),
            ("views/farm.py", "The farm", ":material/developer_board:"),
        ):
            query = {"study": str(study.study)} if "leaderboard" in page else None
            st.page_link(page, label=label, icon=icon, query_params=query)
    show_actions(study)
    show_live_study(url, study.study, study.state)
    _show_runs(url, study.study)


@st.fragment(run_every=RUNS_REFRESH_S)
def _show_runs(url: str, study: int) -> None:
    st.subheader("Runs", anchor=False)
    runs = data.read_runs(url, study=study)
    frame = pd.DataFrame(
        [
            [
                run.device,
                run.block,
                run.variant,
                run.state.value,
                run.verdict.value if run.verdict else "",
                numbers_text.ms(run.median_ms),
                run.message,
            ]
            for run in runs
        ],
        columns=["Device", "Block", "Variant", "State", "Verdict", "Median", "Message"],
    )
    shown = st.dataframe(
        frame, hide_index=True, on_select="rerun", selection_mode="single-row", key="runs", alt="Runs of this study"
    )
    chosen = [row for row in shown.selection.rows if row < len(runs)]
    if not chosen:
        st.caption("Select a run to open it.")
        return
    run = runs[chosen[0]]
    label = as_plain(f"Open the run of {run.variant} on {run.device}, block {run.block}")
    st.page_link("views/run.py", label=label, icon=":material/timeline:", query_params={"run": run.run})


show()
