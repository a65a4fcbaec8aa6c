"""Page Leaderboard: which variant to ship on which board, for how sure, and what was left out.

A large farm is shown a model and a type of board at a time, at first those that were measured last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import data, empty_states, filters
from dashboard.group_section import Scope, group_markdown, show_group
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import StudyState
from orchestrator.figures.ranks import groups_of
from orchestrator.queries.briefs import Place, StudyBrief
from orchestrator.queries.leaderboard_rows import ExcludedRun, Leaderboard, LeaderboardRow
from orchestrator.queries.rows import StudyView
from orchestrator.text import csv_text, numbers_text, study_text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What the reader asks for; None is any."""

    board_type: str | None
    regime: str | None
    model: str | None
    study: int | None
    device: str | None
    baseline: str | None = None


def show() -> None:
    """The whole page."""
    st.title("Leaderboard")
    url = data.database_url()
    studies = data.read_study_briefs(url)
    if not studies:
        empty_states.nothing_submitted(has_devices=bool(data.read_devices(url)))
        return
    chosen, cut = _choose(url, studies)
    board = _read(url, cut)
    rows = _wanted(board, cut)
    if chosen != cut:
        _say_cut(cut)
    if rows and cut.model is not None:
        board, rows = _against_baseline(url, cut, rows, board)
    _show_study(url, cut.study)
    _show_groups(url, cut, rows, board.excluded)
    if not rows:
        is_filtered = any((chosen.study, chosen.device, chosen.model, chosen.board_type))
        _explain_nothing(data.read_studies(url), is_filtered=is_filtered)
    _show_excluded(board.excluded)
    if rows:
        _show_downloads(rows)


def _choose(url: str, studies: Sequence[StudyBrief]) -> tuple[_Choice, _Choice]:
    """What was chosen, and what it is cut to on a large farm: the board and regime first, then the rest."""
    first_line = st.container(horizontal=True, vertical_alignment="bottom")
    places = data.read_places(url)
    with st.container(horizontal=True, key="scope"):
        model = filters.one("Model", sorted({place.model for place in places} | {s.model for s in studies}), "model")
        numbers = [str(study.study) for study in studies if model in (None, study.model)]
        study = filters.one("Study", numbers, "study", width=filters.NARROW)
        device = filters.one("Device", [device.name for device in data.read_devices(url)], "device")
    here = [place for place in places if model in (None, place.model)]
    with first_line:
        board_type = filters.few("Board type", [place.board_type for place in here], "board")
        regime = filters.few("Regime", [place.regime for place in here], "regime")
    chosen = _Choice(
        board_type=board_type, regime=regime, model=model, study=int(study) if study else None, device=device
    )
    return chosen, _cut(chosen, here)


def _cut(chosen: _Choice, places: Sequence[Place]) -> _Choice:
    """The choice itself, or the part of it that was measured last where it is too much for a page."""
    here = [place for place in places if chosen.board_type in (None, place.board_type)]
    if chosen.study is not None or chosen.device is not None or sum(p.ended for p in here) <= data.MOST_AT_ONCE:
        return chosen
    newest = next((place for place in here if chosen.regime in (None, place.regime)), here[0])
    return _Choice(board_type=newest.board_type, regime=chosen.regime, model=newest.model, study=None, device=None)


def _say_cut(cut: _Choice) -> None:
    st.caption(
        as_plain(
            f"There are more than {numbers_text.count(data.MOST_AT_ONCE)} runs: what was measured last is shown, "
            f"{cut.model} on {cut.board_type}. Choose a model and a type of board for another part."
        )
    )


def _read(url: str, cut: _Choice) -> Leaderboard:
    return data.read_leaderboard(
        url,
        study=cut.study,
        device=cut.device,
        model=cut.model,
        board_type=cut.board_type,
        baseline=cut.baseline,
    )


def _wanted(board: Leaderboard, cut: _Choice) -> list[LeaderboardRow]:
    return [row for row in board.rows if cut.regime in (None, row.group.regime)]


def _against_baseline(
    url: str, cut: _Choice, rows: list[LeaderboardRow], board: Leaderboard
) -> tuple[Leaderboard, list[LeaderboardRow]]:
    """The same with speedups against the variant that the reader chooses, if one is chosen."""
    baseline = filters.one(
        "Speedup against",
        list(dict.fromkeys(row.variant for row in rows if row.runs)),
        "baseline",
        placeholder="the model's own baseline",
        width=filters.WIDE,
        explanation="Speedups are paired by block where both variants have the block.",
    )
    if baseline is None:
        return board, rows
    board = _read(url, replace(cut, baseline=baseline))
    return board, _wanted(board, cut)


def _show_groups(url: str, cut: _Choice, rows: Sequence[LeaderboardRow], excluded: Sequence[ExcludedRun]) -> None:
    scope = Scope(
        study=cut.study,
        device=cut.device,
        left_out=frozenset(each.run for each in excluded),
        picked=filters.picked("variant"),
    )
    chosen = [show_group(url, own, scope, number) for number, own in enumerate(groups_of(rows))]
    filters.pick("variant", next((row.variant for row in chosen if row is not None), None))


def _show_study(url: str, number: int | None) -> None:
    if number is not None:
        study = data.read_study(url, number)
        for line in (study_text.standing(study), *study_text.progress_lines(study)):
            st.caption(as_plain(line))


def _show_downloads(rows: Sequence[LeaderboardRow]) -> None:
    """What is shown, as files: every figure in full, or as it reads here."""
    with st.container(horizontal=True):
        st.download_button(
            "Download as CSV", partial(csv_text.leaderboard_csv, rows), "leaderboard.csv", "text/csv",
            on_click="ignore", icon=":material/download:", help="Every figure in full.",
        )  # fmt: skip
        st.download_button(
            "Download as Markdown", partial(_markdown, rows), "leaderboard.md", "text/markdown",
            on_click="ignore", icon=":material/download:", help="The tables as they are shown.",
        )  # fmt: skip


def _markdown(rows: Sequence[LeaderboardRow]) -> str:
    return "\n".join(map(group_markdown, groups_of(rows)))


def _explain_nothing(studies: Sequence[StudyView], *, is_filtered: bool) -> None:
    active = [study for study in studies if study.state is StudyState.ACTIVE]
    if is_filtered:
        st.info("No result matches these filters. Clear one of them to see more.", icon=":material/filter_alt_off:")
    elif active:
        done = sum(study.counts.get("done", 0) for study in active)
        total = sum(study.total for study in active)
        st.info(
            f"Measuring: {done} of {numbers_text.counted(total, 'run')} done. Variants appear here as their runs end.",
            icon=":material/timer:",
        )
        st.page_link("views/farm.py", label="Watch the farm", icon=":material/developer_board:")
    else:
        st.info("No run has a result that can be ranked.", icon=":material/info:")


def _show_excluded(excluded: Sequence[ExcludedRun]) -> None:
    if not excluded:
        return
    label = f"Left out: {len(excluded)} {'run' if len(excluded) == 1 else 'runs'}, and why"
    section = st.expander(label, icon=":material/block:", key="left-out", on_change="rerun")
    if not section.open:
        return
    with section:
        frame = pd.DataFrame(
            [
                [each.reason, each.variant, each.device, each.model, each.study, each.run, each.code]
                for each in excluded
            ],
            columns=["Reason", "Variant", "Device", "Model", "Study", "Run", "Code"],
        )
        st.dataframe(frame, hide_index=True, column_config={"Reason": st.column_config.TextColumn(width="large")})


show()
