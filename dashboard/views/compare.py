"""Page Compare: variants, boards or runs beside each other, and whether the difference is more than chance."""

from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from dashboard import (
    data,
    difference_section,
    empty_states,
    filters,
    lab_data,
    marks,
    spread_section,
    variant_comparison,
)
from dashboard.figure_section import fitted
from dashboard.plain_text import as_plain
from dashboard.run_names import labels
from orchestrator.charts.figures import legend
from orchestrator.figures.factors import factor_figure
from orchestrator.queries.briefs import Among, RunBrief
from orchestrator.queries.factors import FactorComparison
from orchestrator.text import factor_text, run_text

VARIANTS, BOARDS, RUNS = "variants", "boards", "runs"
MOST_AT_FIRST = 4
SHORT = 12  # digits of a run, enough to tell runs apart


def show() -> None:
    """The whole page."""
    st.title("Compare")
    url = data.database_url()
    models = list(dict.fromkeys(place.model for place in data.read_places(url) if place.ended))
    if not models:
        empty_states.no_runs()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = filters.mode("What", [VARIANTS, BOARDS, RUNS], "what")
        model = filters.one_of("Model", models, "model")
    if what == RUNS:
        _show_runs(url, model)
        return
    among = _choose_scope(url, model)
    runs = data.read_briefs(url, among)
    if not runs:
        st.info("No result matches these filters. Clear one of them to see more.", icon=":material/filter_alt_off:")
    elif what == VARIANTS:
        _show_variants(url, model, runs, among)
    else:
        _show_boards(url, model, runs, among)


def _choose_scope(url: str, model: str) -> Among:
    runs = data.read_briefs(url, Among(model=model, is_ranked=True))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        studies = filters.one("Study", _distinct(str(run.study) for run in runs), "study", width=filters.NARROW)
        device = filters.one("Device", sorted({run.device for run in runs}), "device")
        board_type = filters.few("Board type", [run.board_type for run in runs], "board")
        regime = filters.few("Regime", [run.regime for run in runs], "regime")
    is_large = len(runs) == data.MOST_BRIEFS and not (studies or device or board_type)
    if is_large:
        board_type = runs[0].board_type
        st.caption(as_plain(f"Of many runs those on {board_type} are shown, measured last. Choose another one."))
    return Among(
        model=model,
        study=int(studies) if studies else None,
        device=device,
        board_type=board_type,
        regime=regime,
        is_ranked=True,
    )


def _show_variants(url: str, model: str, runs: Sequence[RunBrief], among: Among) -> None:
    known = _distinct(run.variant for run in sorted(runs, key=lambda run: not run.is_baseline))
    first = f"the baseline and {MOST_AT_FIRST - 1} others" if len(known) > MOST_AT_FIRST else "all"
    label = "Variants, the first is what the others are compared with"
    chosen = filters.several(label, known, "variants", placeholder=first)
    variants = chosen if len(chosen) > 1 else [*chosen, *(each for each in known if each not in chosen)][:MOST_AT_FIRST]
    if len(variants) < 2:
        st.info("Only one variant has results here; measure another one to compare.", icon=":material/info:")
        st.code(f"pifarm submit {model}", language="bash")
        return
    variant_comparison.show(url, model, variants, among)


def _show_boards(url: str, model: str, runs: Sequence[RunBrief], among: Among) -> None:
    values: dict[str, set[str]] = {}
    for run in runs:
        for name, value in run.labels.items():
            values.setdefault(name, set()).add(value)
    factors = sorted(name for name, own in values.items() if len(own) > 1)
    if not factors:
        st.info("The boards differ in no label. Say what they are like, then measure:", icon=":material/label:")
        st.code("pifarm device label DEVICE cooling=fan", language="bash")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        factor = filters.one_of("By label", factors, "by")
        variants = _distinct(run.variant for run in runs if factor in run.labels)
        variant = filters.one_of("Variant", variants, "variant", width=filters.WIDE)
    for number, found in enumerate(lab_data.read_factors(url, f"{model}/{variant}", factor, among)):
        _show_factor(found, number)


def _show_factor(found: FactorComparison, number: int) -> None:
    with st.container(border=True, key=f"factor-{number}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(as_plain(factor_text.title(found)), anchor=False, width="content")
            marks.show_badges(factor_text.marks(found))
        for line in factor_text.answers(found):
            st.markdown(as_plain(line))
        columns = [name[0].upper() + name[1:] for name in factor_text.columns(found)]
        st.dataframe(pd.DataFrame(factor_text.rows(found), columns=columns), hide_index=True)
        if 1 < len(found.levels) <= legend.MOST:
            figure = factor_figure(found)
            st.altair_chart(fitted(figure.chart), key=f"levels-{number}", alt=figure.title)
            st.caption(as_plain(figure.caption))
        for line in factor_text.notes(found):
            st.caption(as_plain(line))


def _show_runs(url: str, model: str) -> None:
    by_id = {run.run: run for run in data.read_briefs(url, Among(model=model), data.MOST_RUNS)}
    names = labels(by_id.values())
    chosen = filters.several_named("Runs", names, "runs", placeholder="choose two or more")
    if len(chosen) < 2:
        st.caption(
            "Choose two runs or more: for their figures, the spread of their latencies, and each fact that differs."
        )
        return
    runs = [data.read_run(url, run) for run in chosen]
    figures = {run.run[:SHORT]: dict(run_text.figures(run)) for run in runs}
    st.dataframe(pd.DataFrame(figures).rename_axis("Figure").reset_index(), hide_index=True, height="content")
    curves = {f"{by_id[run].variant}, {run[:SHORT]}": [by_id[run]] for run in chosen}
    spread_section.show(url, curves, "spread")
    for other in chosen[1:]:
        st.subheader(as_plain(f"{chosen[0][:SHORT]} and {other[:SHORT]}"), anchor=False)
        difference_section.show(url, chosen[0], other)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


show()
