"""Page Leaderboard: which variant to ship on which board, for how sure, and what was left out."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from dashboard import data, empty_states, marks
from dashboard.board_table import board_columns, column_settings, styled
from dashboard.plain_text import as_plain
from orchestrator import csv_text, numbers_text, row_text, study_text
from orchestrator.charts.ranking import ranking_chart
from orchestrator.lifecycle import StudyState
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, LeaderboardRow
from orchestrator.queries.rows import RunView, StudyView

MOST_LINKS = 60


def show() -> None:
    """The whole page."""
    st.title("Leaderboard")
    url = data.database_url()
    studies = data.read_studies(url)
    if not studies:
        empty_states.nothing_submitted(has_devices=bool(data.read_devices(url)))
        return
    first_line = st.container(horizontal=True, vertical_alignment="bottom")
    study, device, model = _choose_scope(url, studies)
    board = data.read_leaderboard(url, study=study, device=device, model=model)
    with first_line:
        board_type = _choose("Board type", "board", [row.group.board_type for row in board.rows])
        regime = _choose("Regime", "regime", [row.group.regime for row in board.rows])
    rows = [
        row for row in board.rows if board_type in (None, row.group.board_type) and regime in (None, row.group.regime)
    ]
    _show_scope(studies, study)
    for number, (group, members) in enumerate(itertools.groupby(rows, key=lambda row: row.group)):
        _show_group(url, group, list(members), number=number, study=study, device=device)
    if not rows:
        _explain_nothing(studies, is_filtered=any((study, device, model, board_type, regime)))
    _show_excluded(board.excluded)
    if rows:
        st.download_button(
            "Download as CSV", csv_text.leaderboard_csv(rows), "leaderboard.csv", "text/csv",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def _choose_scope(url: str, studies: Sequence[StudyView]) -> tuple[int | None, str | None, str | None]:
    with st.container(horizontal=True, key="scope"):
        models = sorted({study.model for study in studies})
        model = st.selectbox(
            "Model", models, index=None, key="model", bind="query-params", placeholder="all", width=230
        )
        numbers = [str(study.study) for study in studies if model in (None, study.model)]
        study = st.selectbox(
            "Study", numbers, index=None, key="study", bind="query-params", placeholder="all", width=150
        )
        names = [device.name for device in data.read_devices(url)]
        device = st.selectbox(
            "Device", names, index=None, key="device", bind="query-params", placeholder="all", width=230
        )
    return int(study) if study else None, device, model


def _choose(label: str, key: str, values: Iterable[str]) -> str | None:
    return st.pills(label, sorted(set(values)), format_func=as_plain, key=key, bind="query-params")


def _show_scope(studies: Sequence[StudyView], number: int | None) -> None:
    for study in studies:
        if study.study == number:
            for line in (study_text.standing(study), *study_text.progress_lines(study)):
                st.caption(as_plain(line))


def _show_group(
    url: str, group: Group, rows: list[LeaderboardRow], *, number: int, study: int | None, device: str | None
) -> None:
    with st.container(border=True, key=f"group-{number}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(as_plain(row_text.group_title(group)), anchor=False, width="content")
            marks.show_badges(row_text.group_marks(rows))
        st.caption(as_plain(f"{rows[0].board} · {row_text.group_detail(group)}"))
        st.markdown(f"**{as_plain(row_text.headline(rows))}**")
        for line in row_text.flip_lines(rows):
            st.markdown(as_plain(line))
        chosen = _show_table(group, rows)
        title = row_text.group_title(group)
        st.altair_chart(ranking_chart(rows), key=f"chart {_key(group)}", alt=f"Interval bars of {title}")
        st.caption("Dot: median. Bar: its 95 % interval. Tick: p90. Hollow: simulated, published or provisional.")
        _show_runs(chosen or rows[0], data.read_runs(url, study=study, device=device), is_chosen=chosen is not None)


def _show_table(group: Group, rows: Sequence[LeaderboardRow]) -> LeaderboardRow | None:
    """Draw the table; the row that is selected in it."""
    columns = board_columns(rows)
    shown = st.dataframe(
        styled(columns),
        column_config=column_settings(columns),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=numbers_text.ABSENT,
        key=f"table {_key(group)}",
        alt=f"Ranking of {row_text.group_title(group)}",
    )
    chosen = shown.selection.rows
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else None


def _key(group: Group) -> str:
    return " ".join(dataclasses.astuple(group))


def _show_runs(row: LeaderboardRow, runs: Iterable[RunView], *, is_chosen: bool) -> None:
    behind = [run for run in runs if _is_behind(row, run)]
    with st.expander(f"Runs of {as_plain(row.variant)}", expanded=is_chosen, icon=":material/timeline:"):
        if not is_chosen:
            st.caption("Select a row of the table to see the runs of another variant.")
        with st.grid(min_column_width=300, gap="xxsmall"):
            for run in behind[:MOST_LINKS]:
                st.page_link("views/run.py", label=_run_label(run), query_params={"run": run.run}, width="stretch")
        if not behind:
            st.caption(f"They are older than the newest {data.MOST_RUNS} runs; choose their study above.")
        if len(behind) > MOST_LINKS:
            st.caption(f"The newest {MOST_LINKS} of {len(behind)} runs.")


def _is_behind(row: LeaderboardRow, run: RunView) -> bool:
    asked = (row.model, row.variant, row.group.board_type, row.regime, row.protocol, row.simulated)
    return (
        asked == (run.model, run.variant, run.board_type, run.regime, run.protocol, run.simulated)
        and run.samples is not None
    )


def _run_label(run: RunView) -> str:
    verdict = run.verdict.value if run.verdict else run.state.value
    return as_plain(
        f"Study {run.study}, block {run.block} on {run.device}: {numbers_text.ms(run.median_ms)}, {verdict}"
    )


def _explain_nothing(studies: Sequence[StudyView], *, is_filtered: bool) -> None:
    active = [study for study in studies if study.state is StudyState.ACTIVE]
    if is_filtered:
        st.info("No result matches these filters. Clear one of them to see more.", icon=":material/filter_alt_off:")
    elif active:
        done = sum(study.counts.get("done", 0) for study in active)
        total = sum(study.total for study in active)
        st.info(
            f"Measuring: {done} of {total} runs are done. Variants appear here as their runs end.",
            icon=":material/timer:",
        )
        st.page_link("views/farm.py", label="Watch the farm", icon=":material/developer_board:")
    else:
        st.info("No run has a result that can be ranked.", icon=":material/info:")


def _show_excluded(excluded: Sequence[ExcludedRun]) -> None:
    if not excluded:
        return
    with st.expander(
        f"Left out: {len(excluded)} {'run' if len(excluded) == 1 else 'runs'}, and why", icon=":material/block:"
    ):
        frame = pd.DataFrame(
            [
                [each.reason, each.variant, each.device, each.model, each.study, each.run, each.code]
                for each in excluded
            ],
            columns=["Reason", "Variant", "Device", "Model", "Study", "Run", "Code"],
        )
        st.dataframe(frame, hide_index=True, column_config={"Reason": st.column_config.TextColumn(width="large")})


show()
