"""Page Run: one measurement, with all that may explain its figures."""

from collections.abc import Sequence

import streamlit as st

from dashboard import data, difference_section, empty_states, filters, live_run, marks, run_sections, sweep_section
from dashboard.local_time import moment_text
from dashboard.plain_text import as_plain
from dashboard.run_names import labels
from orchestrator.attending.lifecycle import RunState
from orchestrator.errors import SpecError
from orchestrator.queries.briefs import Among, RunBrief
from orchestrator.queries.rows import RunView
from orchestrator.text import row_text, study_text


def show() -> None:
    """The whole page."""
    st.title("Run")
    url = data.database_url()
    runs = data.read_briefs(url, Among(), data.MOST_RUNS)
    wanted = st.query_params.get("run") or _newest(runs)
    if wanted is None:
        empty_states.no_runs()
        return
    run = _find(url, wanted)
    _show_picker(runs, run)
    if run is not None:
        _show_run(url, run)


def _newest(runs: Sequence[RunBrief]) -> str | None:
    with_result = [run.run for run in runs if run.samples is not None]
    return next(iter(with_result + [run.run for run in runs]), None)


def _find(url: str, wanted: str) -> RunView | None:
    try:
        return data.read_run(url, wanted)
    except SpecError as error:
        st.error(as_plain(error), icon=":material/search_off:")
        return None


def _show_picker(runs: Sequence[RunBrief], run: RunView | None) -> None:
    names = labels([*([run] if run else []), *runs])
    key = f"pick-{run.run if run else ''}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Run",
            list(names),
            index=0 if run else None,
            format_func=names.__getitem__,
            key=key,
            on_change=_go_to_picked,
            args=(key,),
            placeholder="choose a run",
            width=680,
        )
        if run:
            _step("Previous", run.previous, ":material/arrow_back:")
            _step("Next", run.next, ":material/arrow_forward:")


def _step(label: str, target: str | None, icon: str) -> None:
    st.button(label, disabled=target is None, on_click=_go_to, args=(target,), icon=icon, help="Within the same block")


def _go_to_picked(key: str) -> None:
    _go_to(st.session_state[key])


def _go_to(run: str | None) -> None:
    if run is not None:
        st.query_params["run"] = run


def _show_run(url: str, run: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(as_plain(f"{run.model}/{run.variant}"), anchor=False, width="content")
        marks.show_badges([row_text.SIMULATED] if run.simulated else [])
        marks.show_run_state(run.state)
        if run.verdict:
            marks.show_verdict(run.verdict)
    _show_place(run)
    st.caption(as_plain(study_text.standing(data.read_study(url, run.study))))
    run_sections.show_failure(run)
    if run.samples is not None:
        run_sections.show_figures(run)
    run_sections.show_verdict(run)
    if not run.attempts:
        st.info("It has not been started yet.", icon=":material/hourglass_empty:")
        return
    counted = next((attempt.number for attempt in run.attempts if attempt.counted), None)
    series = data.read_series(url, run.run, counted)
    if run.state is RunState.RUNNING:
        live_run.show_progress(url, run.run)
    else:
        run_sections.show_series(run, series)
    sweep_section.show(url, run, counted)
    run_sections.show_details(run, series)
    _show_difference(url, run)


def _show_difference(url: str, run: RunView) -> None:
    st.subheader("Against another run", anchor=False)
    others = [each for each in data.read_briefs(url, Among(model=run.model), data.MOST_RUNS) if each.run != run.run]
    names = labels(others)
    other = filters.one_named("Other run", names, "against", placeholder="choose a run")
    if other is None:
        return
    difference_section.show(url, run.run, other)
    st.page_link(
        "views/compare.py",
        label="Their latencies beside each other",
        icon=":material/compare_arrows:",
        query_params={"what": "runs", "model": run.model, "runs": [run.run, other]},
    )


def _show_place(run: RunView) -> None:
    parts = [
        f"{run.device} ({run.board})",
        f"study {run.study}, block {run.block}, position {run.position}",
        f"{run.regime}, {run.protocol} protocol",
        *([moment_text(run.started_at_s, st.context.timezone)] if run.started_at_s else []),
        f"run {run.run}",
    ]
    st.caption(as_plain(" · ".join(parts)))


show()
