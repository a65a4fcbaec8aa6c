"""Variants against one of them, group by group: answers, paired ratios, spread, and where the time went."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import data, lab_data, marks, spread_section
from dashboard.plain_text import as_plain
from orchestrator.analysis.profile import movers
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.charts.ratios import Ratio, ratio_chart
from orchestrator.queries.briefs import Among, RunBrief
from orchestrator.queries.compare import GroupComparison
from orchestrator.queries.leaderboard_rows import Group
from orchestrator.text import compare_text, profile_text

MOST_MOVERS = 15


def show(url: str, model: str, variants: Sequence[str], among: Among) -> None:
    """The first of the variants is what the others are compared with; there are at least two."""
    reference, *others = variants
    by_group: dict[Group, list[GroupComparison]] = {}
    for other in others:
        for found in lab_data.read_comparison(url, f"{model}/{other}", f"{model}/{reference}", among):
            by_group.setdefault(found.group, []).append(found)
    runs = data.read_briefs(url, among)
    for number, own in enumerate(by_group.values()):
        _show_group(url, own, runs, variants, number)
    if not by_group:
        st.info("None of them has an ended run here.", icon=":material/info:")
    _show_operators(url, model, variants)


def _show_group(
    url: str, found: Sequence[GroupComparison], runs: Sequence[RunBrief], variants: Sequence[str], number: int
) -> None:
    group, reference = found[0].group, found[0].comparison.b
    with st.container(border=True, key=f"group-{number}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(as_plain(compare_text.title(found[0])), anchor=False, width="content")
            marks.show_badges(compare_text.marks(found[0]))
        for each in found:
            st.markdown(as_plain(compare_text.answer(each)))
            for line in compare_text.reach(each):
                st.caption(as_plain(line))
        ratios = [ratio for each in found if (ratio := _ratio(each)) is not None]
        if ratios:
            margin = found[0].comparison.margin
            chart = ratio_chart(ratios, margin, simulated=group.source == "simulated")
            st.altair_chart(chart, key=f"ratios-{number}", alt=f"Latency over that of {reference}")
            st.caption("Bar: 95 % interval of the paired ratio, for this pair alone. Band: what does not count.")
        _show_table(found)
        spread_section.show(url, _of_group(runs, group, variants), f"spread-{number}")
        _show_notes(found)


def _ratio(found: GroupComparison) -> Ratio | None:
    own = found.comparison
    if own.ratio is None:
        return None
    interval = None if own.low is None or own.high is None else (own.low, own.high)
    return Ratio(name=own.a, ratio=own.ratio, interval=interval, answer=own.answer)


def _show_table(found: Sequence[GroupComparison]) -> None:
    rows = [compare_text.side_rows(found[0])[1], *(compare_text.side_rows(each)[0] for each in found)]
    columns = [name[0].upper() + name[1:] for name in compare_text.COLUMNS]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)


def _of_group(runs: Sequence[RunBrief], group: Group, variants: Sequence[str]) -> dict[str, list[RunBrief]]:
    """The runs of one group by variant, the newest first."""
    found: dict[str, list[RunBrief]] = {variant: [] for variant in variants}
    place = (group.board_type, group.regime, group.protocol, group.source == "simulated")
    for run in runs:
        if run.variant in found and (run.board_type, run.regime, run.protocol, run.simulated) == place:
            found[run.variant].append(run)
    return {variant: own for variant, own in found.items() if own}


def _show_notes(found: Sequence[GroupComparison]) -> None:
    lines = dict.fromkeys(line for each in found for line in compare_text.notes(each))
    with st.expander("What to know of these figures, and what was left out", icon=":material/info:"):
        st.markdown("\n".join(f"- {as_plain(line)}" for line in lines))


def _show_operators(url: str, model: str, variants: Sequence[str]) -> None:
    """What moved from the reference to each other variant, where both were profiled on one device."""
    st.subheader("Where the time goes", anchor=False)
    profiled: dict[tuple[str, str], RunBrief] = {}
    for run in data.read_briefs(url, Among(model=model, kind=StudyKind.PROFILE)):
        if run.median_ms is not None:
            profiled.setdefault((run.variant, run.device), run)
    reference = variants[0]
    pairs = [
        (profiled[reference, device], run)
        for (variant, device), run in profiled.items()
        if variant in variants[1:] and (reference, device) in profiled
    ]
    for before, after in pairs:
        _show_movers(url, before, after)
    if not pairs:
        st.caption("They were not profiled on one board. A profile says it operator by operator:")
        chosen = " ".join(f"--variant {variant.partition('@')[0]}" for variant in variants)
        st.code(f"pifarm profile {model} {chosen}", language="bash")


def _show_movers(url: str, before: RunBrief, after: RunBrief) -> None:
    one, other = (lab_data.read_profile(url, run.run) for run in (before, after))
    st.markdown(as_plain(f"From {before.variant} to {after.variant} on {after.device}, by kind of operator:"))
    for found in (one, other):
        st.caption(as_plain(profile_text.headline(found)))
    rows = profile_text.mover_rows(movers(one.profile.kinds, other.profile.kinds), MOST_MOVERS)
    columns = [name.capitalize() for name in profile_text.MOVER_COLUMNS]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
