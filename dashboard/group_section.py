"""One group of the leaderboard: the answer, the table, interval bars, what is given for what, the runs behind it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import data, marks, tradeoff_section
from dashboard.board_table import board_columns, board_markdown, column_settings, styled
from dashboard.plain_text import as_plain
from orchestrator.charts.ranking import ranking_chart
from orchestrator.queries.briefs import Among, RunBrief
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow
from orchestrator.text import numbers_text, row_text
from orchestrator.text.compare_text import markdown_cell

MOST_LINKS = 30
MOST_IN_CURVE = 40
Runs = Mapping[str, Sequence[RunBrief]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the page was narrowed to, and the runs that were left out of it; `picked` is the variant in the link."""

    study: int | None
    device: str | None
    left_out: frozenset[str]
    picked: str | None


def show_group(url: str, rows: Sequence[LeaderboardRow], scope: Scope, number: int) -> LeaderboardRow | None:
    """The section; the row that is selected in it."""
    group = rows[0].group
    runs = _runs_behind(url, group, scope)
    with st.container(border=True, key=f"group-{number}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(as_plain(row_text.group_title(group)), anchor=False, width="content")
            marks.show_badges(row_text.group_marks(rows))
        st.caption(as_plain(f"{rows[0].board} · {row_text.group_detail(group)}"))
        st.markdown(f"**{as_plain(row_text.headline(rows))}**")
        for line in row_text.flip_lines(rows):
            st.markdown(as_plain(line))
        chosen = _show_table(group, rows, runs, scope.picked)
        _show_charts(group, rows, chosen, number)
        _show_runs(chosen or rows[0], runs, is_chosen=chosen is not None)
    return chosen


def group_markdown(rows: Sequence[LeaderboardRow]) -> str:
    """The group for a pull request: its title, its answer, its table as it is shown."""
    group = rows[0].group
    marked = "".join(f" `{mark}`" for mark in row_text.group_marks(rows))
    title = f"{row_text.group_title(group)} ({row_text.group_detail(group)})"
    table = board_markdown(board_columns(rows))
    words = (f"**{markdown_cell(title)}**{marked}", markdown_cell(row_text.headline(rows)), table)
    return "\n\n".join(words) + "\n"


def _runs_behind(url: str, group: Group, scope: Scope) -> Runs:
    """The runs that the rows rest on, by variant, the newest first."""
    among = Among(
        model=group.model,
        study=scope.study,
        device=scope.device,
        board_type=group.board_type,
        regime=group.regime,
        is_ranked=True,
    )
    found: dict[str, list[RunBrief]] = {}
    for run in data.read_briefs(url, among):
        is_here = run.protocol == group.protocol and run.simulated == (group.source == "simulated")
        if is_here and run.run not in scope.left_out:
            found.setdefault(run.variant, []).append(run)
    return found


def _show_table(group: Group, rows: Sequence[LeaderboardRow], runs: Runs, picked: str | None) -> LeaderboardRow | None:
    """Draw the table; the row that is selected in it."""
    curves = {variant: _curve(own) for variant, own in runs.items() if len(own) > 1}
    columns = board_columns(rows, curves)
    key = _table_key(group)
    wanted = [place for place, row in enumerate(rows) if row.variant == picked]
    if wanted and key not in st.session_state:
        st.session_state[key] = _selection(wanted)
    shown = st.dataframe(
        styled(columns),
        column_config=column_settings(columns),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=numbers_text.ABSENT,
        key=key,
        alt=f"Ranking of {row_text.group_title(group)}",
    )
    chosen = shown.selection.rows
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else None


def _show_charts(group: Group, rows: Sequence[LeaderboardRow], chosen: LeaderboardRow | None, number: int) -> None:
    key = f"charts {_key(group)}"
    bars, against = st.tabs(["Interval bars", "One figure against another"], key=key, on_change="rerun")
    with bars:
        if bars.open:
            title = row_text.group_title(group)
            st.vega_lite_chart(
                _bars(rows), width="stretch", key=f"chart {_key(group)}", alt=f"Interval bars of {title}"
            )
            st.caption("Dot: median. Bar: its 95 % interval. Tick: p90. Hollow: simulated, published or provisional.")
    with against:
        if against.open:
            tradeoff_section.show(rows, chosen.variant if chosen else None, number, _pick_row(group, rows))


@st.cache_data(max_entries=64, show_spinner=False)
def _bars(rows: Sequence[LeaderboardRow]) -> dict[str, Any]:
    """The interval bars in Vega-Lite's words, remembered by what the rows say: they take long to make."""
    spec: dict[str, Any] = ranking_chart(rows).to_dict()
    return spec


def _pick_row(group: Group, rows: Sequence[LeaderboardRow]) -> tradeoff_section.Pick:
    """Selects the row of a variant in the table, or none."""
    names = [row.variant for row in rows]

    def pick(variant: str | None) -> None:
        st.session_state[_table_key(group)] = _selection([names.index(variant)] if variant in names else [])

    return pick


def _selection(rows: list[int]) -> dict[str, dict[str, list[int]]]:
    return {"selection": {"rows": rows[:1], "columns": [], "cells": []}}


def _table_key(group: Group) -> str:
    return f"table {_key(group)}"


def _key(group: Group) -> str:
    return " ".join(dataclasses.astuple(group))


def _curve(runs: Sequence[RunBrief]) -> list[float]:
    """The medians of the newest runs, the oldest of them first."""
    return [run.median_ms for run in reversed(runs[:MOST_IN_CURVE]) if run.median_ms is not None]


def _show_runs(row: LeaderboardRow, runs: Runs, *, is_chosen: bool) -> None:
    behind = runs.get(row.variant, ())
    if not row.runs:
        return
    label = f"Runs of {as_plain(row.variant)}"
    key = f"runs {_key(row.group)} {row.variant} {is_chosen}"
    section = st.expander(label, expanded=is_chosen, icon=":material/timeline:", key=key, on_change="rerun")
    if not section.open:
        return
    with section:
        if not is_chosen:
            st.caption("Select a row of the table to see the runs of another variant.")
        _show_links(behind[:MOST_LINKS])
        if len(behind) < row.runs or len(behind) > MOST_LINKS:
            st.caption(f"The newest {min(len(behind), MOST_LINKS)} of {numbers_text.counted(row.runs, 'run')}.")


def _show_links(runs: Iterable[RunBrief]) -> None:
    with st.grid(min_column_width=300, gap="xxsmall"):
        for run in runs:
            st.page_link("views/run.py", label=_run_label(run), query_params={"run": run.run}, width="stretch")


def _run_label(run: RunBrief) -> str:
    verdict = run.verdict.value if run.verdict else run.state.value
    return as_plain(
        f"Study {run.study}, block {run.block} on {run.device}: {numbers_text.ms(run.median_ms)}, {verdict}"
    )
